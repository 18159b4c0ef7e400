import { describeNeighbour } from './contract.ts';

describeNeighbour({ name: 'Koa', example: 'koa.ts' });
