// The peer of evaluate.py: the reference translator and cql-execution, measured on the same bundles.
//
//   in (one JSON document): {"libraries": {name: CQL text}, "main": name, "models": {name: path}, "valueSets": {url: [[system, code]]},
//                            "bundles": [path], "now": text, "defines": [name], "rounds": n}
//   out (last line): {"microseconds": per patient, "results": [{define: value}]}
//
// The FHIR model is read and the patient source is built once; what is timed is JSON text to results.
import { readFileSync } from "node:fs";
import {
  CqlTranslator, LibraryManager, ModelManager, createLibrarySourceProvider, createModelInfoProvider, createUcumService, stringAsSource,
} from "@cqframework/cql/cql-to-elm";
import cql from "cql-execution";
import fhir from "cql-exec-fhir";

const job = JSON.parse(readFileSync(0, "utf8"));
const ucum = createUcumService((v) => v, () => null, () => null, () => null);
const models = new ModelManager();
models.modelInfoLoader.registerModelInfoProvider(
  createModelInfoProvider((id) => (job.models[id] ? stringAsSource(readFileSync(job.models[id], "utf8")) : null)),
);
const manager = new LibraryManager(models, undefined, undefined, ucum);
manager.librarySourceLoader.registerProvider(
  createLibrarySourceProvider((id) => (job.libraries[id] === undefined ? null : stringAsSource(job.libraries[id]))),
);
const elm = Object.fromEntries(
  Object.entries(job.libraries).map(([name, text]) => [name, JSON.parse(CqlTranslator.fromText(text, manager).toJson())]),
);
const library = new cql.Library(elm[job.main], new cql.Repository(elm));
const valueSets = Object.fromEntries(
  Object.entries(job.valueSets).map(([url, codes]) => [url, { "": codes.map(([system, code]) => ({ code, system })) }]),
);
const executor = new cql.Executor(library, new cql.CodeService(valueSets));
const now = cql.DateTime.parse(job.now);
const texts = job.bundles.map((path) => readFileSync(path, "utf8"));
const source = fhir.PatientSource.FHIRv401();

async function run() {
  const results = [];
  for (const text of texts) {
    source.reset();
    source.loadBundles([JSON.parse(text)]);
    const done = await executor.exec(source, now);
    const [values] = Object.values(done.patientResults);
    results.push(Object.fromEntries(job.defines.map((name) => [name, values[name] ?? null])));
  }
  return results;
}

let best = Infinity, results = [];
for (let round = 0; round < job.rounds; round++) {
  const start = process.hrtime.bigint();
  results = await run();
  best = Math.min(best, Number(process.hrtime.bigint() - start) / 1000 / texts.length);
}
process.stdout.write("\n" + JSON.stringify({ microseconds: best, results }));
