#include "dspy/agents/approval.hpp"

#include "dspy/base/text.hpp"

#include <istream>
#include <ostream>
#include <string>
#include <utility>

namespace dspy {
namespace {

Verdict asked(const AgentCall& call, std::istream& in, std::ostream& out) {
  for (;;) {
    out << "The agent asks to call " << call.tool << ' ' << to_text(call.arguments)
        << "\n[y]es, [n]o and why, [e]dit and the new arguments as JSON: " << std::flush;
    std::string line;
    if (!std::getline(in, line)) return Verdict::wait();
    const auto answer = text::trim(line);
    const auto rest = std::string(text::trim(answer.substr(std::min(answer.find(' '), answer.size()))));
    const auto word = text::to_lower(answer.substr(0, answer.find(' ')));
    if (word == "y" || word == "yes") return Verdict::approve();
    if (word == "n" || word == "no") return Verdict::deny(rest);
    if (word == "e" || word == "edit") {
      auto arguments = parse_json(rest);
      if (arguments && arguments->is_object()) return Verdict::edit(*std::move(arguments));
      out << "That is not a JSON object.\n";
    }
  }
}

}  // namespace

Approval ask_user_for(std::vector<std::string> tools, std::istream& in, std::ostream& out) {
  return {.tools = std::move(tools), .ask = [&in, &out](AgentCall call) {
            return [](AgentCall one, std::istream& from, std::ostream& to) -> Async<Verdict> {
              co_return asked(one, from, to);
            }(std::move(call), in, out);
          }};
}

}  // namespace dspy
