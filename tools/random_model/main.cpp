// Writes a model of random weights in a real model's shape, for measuring speed without downloads.
//
//     dspy-random-model 0.5b q4_k_m /tmp/random-0.5b-q4_k_m.gguf

#include "dspy/base/error.hpp"
#include "random_model.hpp"

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: dspy-random-model 135m|0.5b|1.5b f32|f16|q8_0|q4_0|q4_k_m|... FILE.gguf\n");
    return 2;
  }
  try {
    dspy::tools::write_random_model({.shape = argv[1], .type = argv[2], .path = argv[3]});
  } catch (const dspy::Error& error) {
    std::fprintf(stderr, "dspy-random-model: %s\n", error.what());
    return 1;
  }
}
