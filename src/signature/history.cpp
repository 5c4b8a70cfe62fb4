#include "dspy/signature/history.hpp"

namespace dspy {

void History::append(const JsonObject& inputs, const Prediction& prediction) {
  Example turn;
  for (const auto& member : inputs) {
    turn.data[member.key()] = member.value();
    turn.input_keys.emplace_back(member.key());
  }
  for (const auto& member : prediction.data) {
    turn.data[member.key()] = member.value();
    turn.output_keys.emplace_back(member.key());
  }
  turns.push_back(std::move(turn));
}

}  // namespace dspy
