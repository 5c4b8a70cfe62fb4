// The KV cache: the common prefix of prompts is computed once.  Every call of a program starts with
// the same instructions and demonstrations; from the second call on, the engine computes only the
// question.

#include <dspy/dspy.hpp>

#include <filesystem>
#include <format>
#include <print>
#include <utility>
#include <vector>

namespace {

const std::vector<std::string> questions = {"Where does Tom live?", "Where does Mara live?", "Where does Ana live?"};

dspy::Predictor program(std::shared_ptr<dspy::LM> lm) {
  return dspy::Predict(dspy::Signature::parse("context, question -> answer", "Answer the question from the context."),
                       {.lm = std::move(lm)});
}

void ask(std::string_view title, const std::shared_ptr<dspy::LlamaLM>& lm) {
  std::println("{}", title);
  const auto answer = program(lm);
  for (const auto& question : questions) {
    const auto out =
        answer({{"context", "Tom lives in Lima. Mara lives in Oslo. Ana lives in Rome."}, {"question", question}});
    const auto& usage = out.usage();
    std::println("  {:<22} {:<6} {:>3} prompt tokens, {:>3} of them known", question,
                 std::string_view(out.at("answer").as_string()), *usage.prompt_tokens, *usage.cache_read_tokens);
  }
}

std::shared_ptr<dspy::LlamaLM> model(const dspy::llama::EngineOptions& engine) {
  return std::make_shared<dspy::LlamaLM>("models/dspy-tiny.gguf",
                                         dspy::LlamaOptions{.sampling = {.temperature = 0}, .engine = engine});
}

}  // namespace

int main() {
  const auto lm = model({});
  ask("With the cache:", lm);
  ask("\nWithout (reuse = false):", model({.reuse = false}));

  // A compiled program's prompt can be saved to a file: the next process starts without computing
  // it.
  const auto file = std::filesystem::temp_directory_path() / "dspy-example.prefix";
  auto prompt = lm->prompt_for(program(lm).render({{"context", ""}, {"question", ""}}));
  prompt.resize(prompt.size() / 2);  // the common prefix of the calls
  dspy::wait(lm->engine().save(prompt, file));
  const auto later = model({.queue_limit = 1});  // another engine, as in another process
  const auto tokens = later->engine().load(file);
  std::println("\n{} tokens from a file, {} computed for them", tokens.size(), later->engine().stats().computed_tokens);
  ask("The first call afterwards:", later);
  std::filesystem::remove(file);
}
