import { testScenarios, troubled } from './scenario-tests.ts';

testScenarios('strict', troubled);
