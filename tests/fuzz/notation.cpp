// Any notation: no crash, errors that point into the text, and a round trip for what is accepted.

#include "dspy/base/error.hpp"
#include "dspy/signature/signature.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto signature = dspy::attempt([&] { return dspy::Signature::parse(text); });
  if (!signature) {
    if (signature.error().code() != dspy::Errc::signature_error) std::abort();
    if (signature.error().info().position.value_or(0) > size) std::abort();
    return 0;
  }
  if (dspy::Signature::parse(dspy::to_notation(*signature)) != *signature) std::abort();
  return 0;
}
