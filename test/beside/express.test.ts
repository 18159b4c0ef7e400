import { describeNeighbour } from './contract.ts';

describeNeighbour({ name: 'Express', example: 'express.ts' });
