#include "dspy/lm/contract.hpp"

#include <utility>

namespace dspy {

std::string_view to_string(OutputContract::Form form) noexcept {
  switch (form) {
    case OutputContract::Form::text: return "text";
    case OutputContract::Form::fields: return "fields";
    case OutputContract::Form::markers: return "markers";
    case OutputContract::Form::json: return "json";
    case OutputContract::Form::xml: return "xml";
    case OutputContract::Form::choices: return "choices";
    case OutputContract::Form::regex: return "regex";
    case OutputContract::Form::schema: return "schema";
    case OutputContract::Form::gbnf: return "gbnf";
  }
  std::unreachable();
}

bool OutputContract::operator==(const OutputContract& other) const {
  const bool same_outputs =
      signature == other.signature || (signature && other.signature && signature->outputs == other.signature->outputs);
  return same_outputs && form == other.form && choices == other.choices && grammar == other.grammar &&
         name == other.name && strict == other.strict && literal_text == other.literal_text &&
         may_think == other.may_think;
}

}  // namespace dspy
