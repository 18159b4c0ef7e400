import { describeNeighbour } from './contract.ts';

describeNeighbour({ name: 'Fastify', example: 'fastify.ts' });
