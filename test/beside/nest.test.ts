import { describeNeighbour } from './contract.ts';

// Nest sends the signal to its process again when its hooks have run.
describeNeighbour({ name: 'NestJS', example: 'nest.ts', end: { code: null, signal: 'SIGTERM' } });
