#include "flags/signature_flags.hpp"

#include "dspy/modules/chain_of_thought.hpp"

namespace dspy::app {

void SignatureFlags::add_to(CLI::App& command) {
  command.add_option("-s,--signature", notation, "The inputs and outputs: \"a, b: int -> c: float\"")
      ->capture_default_str()
      ->group("Signature");
  command.add_option("-i,--instructions", instructions, "What the model is to do")->group("Signature");
  command
      .add_option("--adapter", adapter,
                  "The adapter, which writes the prompt and reads the reply: field, chat, json, xml or two_step")
      ->capture_default_str()
      ->group("Signature");
  command.add_flag("--cot", chain_of_thought, "Let the model reason before it answers")->group("Signature");
}

Signature SignatureFlags::make() const {
  auto signature = Signature::parse(notation, instructions);
  return chain_of_thought ? with_reasoning(signature) : signature;
}

}  // namespace dspy::app
