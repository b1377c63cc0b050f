// The reference translator and cql-execution, one job a line.
//
//   in:  {"id", "libraries": {name: CQL text}, "main": name, "models": {name: path}, "bundle": FHIR Bundle?, "elmOnly": bool?}
//   out: {"id", "elm": {name: ELM}, "errors": [text], "results": {define: value}, "failure": text?}
//
// Values leave as JSON with their CQL type: {"t": "DateTime", "v": "..."}; see encode() below.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import {
  CqlTranslator, LibraryManager, ModelManager, createLibrarySourceProvider, createModelInfoProvider, createUcumService, stringAsSource,
} from "@cqframework/cql/cql-to-elm";
import ucumLhc from "@lhncbc/ucum-lhc";
import cql from "cql-execution";
import fhir from "cql-exec-fhir";

const texts = new Map();
const units = ucumLhc.UcumLhcUtils.getInstance();
const ucum = createUcumService(
  (value, from, to) => {
    const found = units.convertUnitTo(from, Number(value), to);
    if (found.status !== "succeeded") throw new Error(`cannot convert ${from} to ${to}`);
    return String(found.toVal);
  },
  (unit) => (units.validateUnitString(unit).status === "valid" ? null : `${unit} is not a UCUM unit`),
  () => { throw new Error("not needed for translation"); },
  () => { throw new Error("not needed for translation"); },
);

function translate(job) {
  const models = new ModelManager();
  models.modelInfoLoader.registerModelInfoProvider(
    createModelInfoProvider((id, system, version) => {
      const path = (job.models ?? {})[id];
      if (!path) return null;
      if (!texts.has(path)) texts.set(path, readFileSync(path, "utf8"));
      return stringAsSource(texts.get(path));
    }),
  );
  const manager = new LibraryManager(models, undefined, undefined, ucum);
  manager.librarySourceLoader.registerProvider(
    createLibrarySourceProvider((id) => (job.libraries[id] === undefined ? null : stringAsSource(job.libraries[id]))),
  );
  const elm = {}, errors = [];
  for (const [name, text] of Object.entries(job.libraries)) {
    const translator = CqlTranslator.fromText(text, manager);
    for (const error of translator.errors.asJsReadonlyArrayView()) errors.push(`${name}: ${error.message}`);
    if (errors.length) break; // a library with errors is translated again on each path that leads to it: thousands of them
    elm[name] = JSON.parse(translator.toJson());
  }
  return { elm, errors };
}

function encode(value) {
  if (value === null || value === undefined) return null;
  if (typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "bigint") return { t: "Long", v: String(value) };
  if (typeof value === "number") return { t: "number", v: String(value) };
  if (Array.isArray(value)) return value.map(encode);
  if (value.isUncertainty) return { t: "Uncertainty", low: encode(value.low), high: encode(value.high) };
  if (value.isInterval) {
    return { t: "Interval", low: encode(value.low), high: encode(value.high), lowClosed: value.lowClosed, highClosed: value.highClosed };
  }
  if (value.isQuantity) return { t: "Quantity", v: String(value.value), unit: value.unit ?? "1" };
  if (value.isRatio) return { t: "Ratio", numerator: encode(value.numerator), denominator: encode(value.denominator) };
  if (value.isDateTime) return { t: value.isTime && value.isTime() ? "Time" : "DateTime", v: value.toString(), offset: value.timezoneOffset };
  if (value.isDate) return { t: "Date", v: value.toString() };
  if (value.isConcept) return { t: "Concept", codes: (value.codes ?? []).map(encode), display: value.display ?? null };
  if (value.isCode) return { t: "Code", code: value.code, system: value.system ?? null };
  if (value.isValueSet) return { t: "ValueSet", id: value.oid };
  if (typeof value.toJSON === "function" && value.getTypeInfo === undefined) return { t: "object", v: value.toJSON() };
  if (value.json !== undefined) return { t: "FHIR", type: value.constructor?.name ?? "", v: value.json };
  return { t: "Tuple", v: Object.fromEntries(Object.entries(value).map(([k, v]) => [k, encode(v)])) };
}

async function run(job, elm) {
  const main = elm[job.main];
  const others = Object.entries(elm).filter(([name]) => name !== job.main).map(([, library]) => library);
  const library = new cql.Library(main, new cql.Repository(others));
  const codes = new cql.CodeService(job.valueSets ?? {});
  const when = cql.DateTime.parse(job.now ?? "2026-06-01T12:00:00.0+00:00");
  const executor = new cql.Executor(library, codes, job.parameters ?? {}, undefined, when);
  let found;
  if (job.bundle) {
    const source = fhir.PatientSource.FHIRv401();
    source.loadBundles([job.bundle]);
    const results = await executor.exec(source);
    found = Object.values(results.patientResults)[0];
  } else {
    found = (await executor.exec({ currentPatient: () => undefined, nextPatient: () => undefined })).unfilteredResults;
  }
  return Object.fromEntries(Object.entries(found ?? {}).filter(([k]) => k !== "Patient").map(([k, v]) => [k, encode(v)]));
}

for await (const line of createInterface({ input: process.stdin })) {
  if (!line.trim()) continue;
  const job = JSON.parse(line);
  const answer = { id: job.id };
  try {
    Object.assign(answer, translate(job));
    if (!job.elmOnly && !answer.errors.length) answer.results = await run(job, answer.elm);
  } catch (error) {
    answer.failure = String(error?.message ?? error);
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
