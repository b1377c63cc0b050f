// Times encender's applyPlan on the task that run.py wrote; prints the titles that apply and the seconds of each run.
import { readFileSync } from 'fs';
import { applyPlan, simpleResolver } from 'encender';

const task = JSON.parse(readFileSync('task.json', 'utf8'));
const patientResources = task.bundle.entry.map((entry) => entry.resource);
const resolver = simpleResolver([task.plan, ...task.resources, ...patientResources], false);
const aux = { elmJsonDependencies: task.elm, valueSetJson: {}, cqlParameters: {} };

const seconds = [];
let titles = [];
for (let round = 0; round < task.count + 1; round++) {
  const start = process.hrtime.bigint();
  const [, group] = await applyPlan(task.plan, 'Patient/p', resolver, aux);
  if (round > 0) seconds.push(Number(process.hrtime.bigint() - start) / 1e9);
  titles = (group.action ?? []).map((action) => action.title);
}
console.log(JSON.stringify({ titles, seconds }));
process.exit(0);
