// What tests/service/senses_test.py compares: models with random senses, what ours says of a picture, and how fast.
//
//     service_senses_probe write KIND FOLDER          text.gguf, mmproj.gguf and medium.bmp or medium.wav
//     service_senses_probe ask KIND FOLDER            the likeliest first tokens after a prompt with the medium
//     service_senses_probe burst KIND FOLDER COUNT    so many questions about it at a time: seconds

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/llama/llama_lm.hpp"
#include "support/pictures.hpp"
#include "support/random_senses.hpp"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <format>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using dspy::test::RandomSenses;
namespace fs = std::filesystem;

RandomSenses senses_of(std::string_view kind) {
  if (kind == "plain") return {.kind = RandomSenses::Kind::plain};
  if (kind == "pooled") return {.kind = RandomSenses::Kind::pooled};
  if (kind == "grid") return {.kind = RandomSenses::Kind::grid};
  if (kind == "sound") return {.kind = RandomSenses::Kind::sound};
  // As large as small vision models are.
  if (kind == "large")
    return {.kind = RandomSenses::Kind::plain, .width = 576, .inner = 384, .image_size = 336, .layers = 12};
  throw dspy::Error(dspy::Errc::invalid_parameter, std::format("there is no kind `{}`", kind));
}

void write(std::string_view kind, const fs::path& folder) {
  const auto senses = senses_of(kind);
  senses.write((folder / "mmproj.gguf").string());
  if (kind == "large")
    dspy::test::RandomModel::of_shape("135m", dspy::test::GgufWriter::q8_0)->write((folder / "text.gguf").string());
  else
    senses.language_model().write((folder / "text.gguf").string());
  const bool is_sound = senses.kind == RandomSenses::Kind::sound;
  std::ofstream(folder / (is_sound ? "medium.wav" : "medium.bmp"), std::ios::binary)
      << (is_sound ? dspy::test::sound(0.5, 440) : dspy::test::picture(90, 60, 1));
}

dspy::Request request(std::string_view kind, const fs::path& folder, std::string before, std::string after) {
  dspy::MediaPart medium{.kind = kind == "sound" ? dspy::MediaPart::Kind::audio : dspy::MediaPart::Kind::image,
                         .path = (folder / (kind == "sound" ? "medium.wav" : "medium.bmp")).string()};
  dspy::Message message{dspy::Role::user, ""};
  message.parts = {dspy::TextPart{std::move(before)}, std::move(medium), dspy::TextPart{std::move(after)}};
  return {.messages = {std::move(message)}};
}

void ask(std::string_view kind, const fs::path& folder) {
  dspy::LlamaLM lm((folder / "text.gguf").string(),
                   {.sampling = {.max_tokens = 1, .temperature = 0, .logprobs = 5}, .engine = {.threads = 1}});
  const auto reply = dspy::wait(lm.complete(request(kind, folder, "What is this? ", " Say it.")));
  std::string line;
  for (const auto& [token, logprob] : reply.completions.front().logprobs.front().top)
    line += std::format("{}{:.6f}", line.empty() ? "" : " ", logprob);
  std::puts(line.c_str());
}

void burst(std::string_view kind, const fs::path& folder, int count) {
  dspy::LlamaLM lm((folder / "text.gguf").string(), {.sampling = {.max_tokens = 16, .temperature = 0}});
  const auto began = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < count; ++i) {
      callers.emplace_back([&, i] {
        static_cast<void>(
            dspy::wait(lm.complete(request(kind, folder, "Look: ", std::format(" Question {}: what is it?", i)))));
      });
    }
  }
  std::printf("%.3f\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const std::string_view verb = argv[1];
  try {
    if (verb == "write") write(argv[2], argv[3]);
    if (verb == "ask") ask(argv[2], argv[3]);
    if (verb == "burst" && argc == 5) burst(argv[2], argv[3], std::stoi(argv[4]));
  } catch (const dspy::Error& error) {
    std::fprintf(stderr, "senses_probe: %s\n", error.what());
    return error.code() == dspy::Errc::unsupported ? 77 : 1;
  }
}
