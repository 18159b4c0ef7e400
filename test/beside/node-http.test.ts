import { describeNeighbour } from './contract.ts';

describeNeighbour({ name: 'node:http', example: 'node-http.ts' });
