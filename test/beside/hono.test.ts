import { describeNeighbour } from './contract.ts';

describeNeighbour({ name: 'Hono', example: 'hono.ts' });
