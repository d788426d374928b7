import { testScenarios, troubled } from './scenario-tests.ts';

testScenarios('model', troubled);
