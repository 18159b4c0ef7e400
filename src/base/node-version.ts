/** The major version of Node, for what cannot be found out by a look at Node's functions. */
export const NODE_MAJOR: number = Number.parseInt(process.versions.node, 10);
