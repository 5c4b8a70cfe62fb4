#include "asking/lines.hpp"
#include "command.hpp"

#include <format>
#include <string>

namespace dspy::app {
namespace {

struct RenderFlags {
  std::vector<std::string> inputs;
  std::string demos;
  SignatureFlags signature;
  bool batch = false;
  bool json = false;
};

JsonObject render_line(const JsonObject& line) {
  auto job = read_job(line);
  const Predictor predictor(std::move(job.signature),
                            {.demos = std::move(job.demos), .adapter = std::move(job.adapter)});
  return to_json(predictor.render(std::move(job.inputs), {.history = std::move(job.history)}));
}

/// Its text, in which media are named where they stand.
std::string text_of(const Message& message) {
  std::string out;
  for (const auto& part : message.parts) {
    if (const auto* const text = part.get<TextPart>()) {
      out += text->text;
    } else if (const auto* const media = part.get<MediaPart>()) {
      const auto where = !media->url.empty()       ? media->url
                         : !media->path.empty()    ? media->path
                         : !media->file_id.empty() ? media->file_id
                                                   : std::format("{} bytes", media->data ? media->data->size() : 0);
      out += std::format("[{}: {}]", to_string(media->kind), where);
    }
  }
  return out;
}

int run_render(const RenderFlags& flags) {
  if (flags.batch) {
    answer_lines(standard_input(), render_line);
    return exit_ok;
  }
  auto signature = flags.signature.make();
  auto demos = flags.demos.empty() ? std::vector<Example>() : read_examples(flags.demos, signature);
  auto inputs = read_inputs(signature, flags.inputs);
  const Predictor predictor(std::move(signature),
                            {.demos = std::move(demos), .adapter = adapter(flags.signature.adapter)});
  const auto messages = predictor.render(std::move(inputs));
  if (flags.json) {
    print_json(to_json(messages));
    return exit_ok;
  }
  for (const auto& message : messages) {
    print_line("--- " + std::string(to_string(message.role)));
    print_line(text_of(message));
  }
  return exit_ok;
}

}  // namespace

void add_render(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<RenderFlags>();
  auto* command = app.add_subcommand("render", "Show the exact messages a call would send, without a model");
  command->add_option("--input", flags->inputs, "An input as name=value or {\"name\": value} (may be repeated)");
  command->add_option("--demos", flags->demos, "Demonstrations: a JSONL file, one object of fields per line");
  command->add_flag("--batch", flags->batch,
                    "Read {\"signature\", \"inputs\", \"instructions\"?, \"adapter\"?, \"demos\"?} a line from "
                    "standard input; print {\"messages\"} a line");
  command->add_flag("--json", flags->json, "Print {\"messages\": [{\"role\", \"content\"}, …]}");
  flags->signature.add_to(*command);
  command->footer("Example:\n  dspy render -s \"question -> answer: float\" --input question=\"2+2?\"");
  command->callback([flags, &plan] { plan = [flags] { return run_render(*flags); }; });
}

}  // namespace dspy::app
