/** Figures of the topics of one server, by name: `published`, or with a kind, `gaps slow`. */
export interface TopicFigures {
  /** What grows only. */
  readonly counts: ReadonlyMap<string, number>;
  /** What is so now. */
  readonly gauges: ReadonlyMap<string, number>;
}
