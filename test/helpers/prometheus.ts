/**
 * Reads the text format of Prometheus, version 0.0.4, by the rules of its specification, and throws at the first line that
 * breaks one: https://prometheus.io/docs/instrumenting/exposition_formats/
 */

/** One series, and its value. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"`;
const HELP_LINE = new RegExp(String.raw`^# HELP (${NAME}) ((?:[^\\]|\\[\\n])*)$`);
const TYPE_LINE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram|summary|untyped)$`);
const SAMPLE_LINE = new RegExp(
  String.raw`^(${NAME})(?:\{(${LABEL}(?:,${LABEL})*)\})? (\+Inf|-Inf|NaN|[-+]?[\d.]+(?:e[-+]?\d+)?)$`,
);

/** As promtool has them. */
const ABBREVIATED_UNIT = /_(?:s|ms|us|ns|sec|min|h|d|b|kb|mb|gb|m|mm|km|g|kg|c|f|v|a|j|hz)(?:_|$)/;

/** Parses a text. The names of counters, and the buckets of histograms, must keep the conventions too. */
export function parsePrometheusText(text: string): Sample[] {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const samples: Sample[] = [];
  const described = new Set<string>();
  const series = new Set<string>();
  let current = { name: '', type: '' };
  let help = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const fail = (problem: string): never => {
      throw new Error(`${problem}: ${line}`);
    };
    const [, helpName] = HELP_LINE.exec(line) ?? [];
    const [, typeName, type] = TYPE_LINE.exec(line) ?? [];
    if (helpName !== undefined) {
      if (described.has(helpName)) fail('described twice');
      described.add(helpName);
      help = helpName;
    } else if (typeName !== undefined && type !== undefined) {
      if (typeName !== help) fail('TYPE without its HELP');
      if ((type === 'counter') !== typeName.endsWith('_total')) fail('counters, and no others, end with _total');
      if (ABBREVIATED_UNIT.test(typeName)) fail('an abbreviated unit');
      current = { name: typeName, type };
    } else {
      const [, name, labelText = '', value] = SAMPLE_LINE.exec(line) ?? fail('no line of the format');
      const family = current.type === 'histogram' ? name!.replace(/_(?:bucket|sum|count)$/, '') : name!;
      if (family !== current.name) fail('a sample that is not below its TYPE');
      const labels = readLabels(labelText);
      const key = JSON.stringify([name, Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
      if (series.has(key)) fail('a series that comes twice');
      series.add(key);
      samples.push({ name: name!, labels, value: value === '+Inf' ? Infinity : Number(value) });
    }
  }
  checkHistograms(samples);
  return samples;
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [pair] of text.matchAll(new RegExp(LABEL, 'g'))) {
    const name = pair.slice(0, pair.indexOf('='));
    if (name in labels) throw new Error(`a label that comes twice: ${pair}`);
    const escaped = pair.slice(name.length + 2, -1);
    labels[name] = escaped.replaceAll(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
  }
  return labels;
}

/** Buckets count upwards, and the one of +Inf counts all. */
function checkHistograms(samples: readonly Sample[]): void {
  let last = { le: -Infinity, value: 0 };
  for (const { name, labels, value } of samples) {
    if (name.endsWith('_count') && (last.le !== Infinity || last.value !== value)) throw new Error(`${name}: no +Inf`);
    if (!name.endsWith('_bucket')) continue;
    if (last.le === Infinity) last = { le: -Infinity, value: 0 };
    const le = labels['le'] === '+Inf' ? Infinity : Number(labels['le']);
    if (!(le > last.le) || value < last.value) throw new Error(`${name} le=${labels['le']}: not in order`);
    last = { le, value };
  }
}
