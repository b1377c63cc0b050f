// ELM of one library in every form that the reference translator writes: JSON and XML, compatibility levels, with and without
// annotations, types and date-range optimisation. In: {"text", "helpers", "models": {name: path}}; out: a list of {level, rich, json, xml}.
import { readFileSync } from "node:fs";
import {
  CqlCompilerOptions, CqlTranslator, LibraryManager, ModelManager, createLibrarySourceProvider, createModelInfoProvider,
  createUcumService, stringAsSource,
} from "@cqframework/cql/cql-to-elm";

const job = JSON.parse(readFileSync(0, "utf8"));
const ucum = createUcumService((v) => v, () => null, () => null, () => null);
const out = [];
for (const level of ["1.3", "1.4", "1.5"]) {
  for (const rich of [false, true]) {
    const models = new ModelManager();
    models.modelInfoLoader.registerModelInfoProvider(
      createModelInfoProvider((id) => (job.models[id] ? stringAsSource(readFileSync(job.models[id], "utf8")) : null)),
    );
    let options = CqlCompilerOptions.defaultOptions().withCompatibilityLevel(level);
    const { EnableResultTypes, EnableDateRangeOptimization } = CqlCompilerOptions.Options;
    if (rich) options = options.withOptions([EnableResultTypes, EnableDateRangeOptimization]);
    else options.options.clear?.();
    const manager = new LibraryManager(models, options, undefined, ucum);
    manager.librarySourceLoader.registerProvider(
      createLibrarySourceProvider((id) => (id === "FHIRHelpers" ? stringAsSource(job.helpers) : null)),
    );
    for (const text of [job.text, job.helpers]) {
      const made = CqlTranslator.fromText(text, manager);
      const errors = made.errors.asJsReadonlyArrayView().map((error) => error.message);
      out.push({ level, rich, errors, json: made.toJson(), xml: made.toXml() });
    }
  }
}
process.stdout.write("\n" + JSON.stringify(out));
