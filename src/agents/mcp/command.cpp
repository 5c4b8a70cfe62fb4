#include "agents/mcp/channel.hpp"
#include "dspy/base/error.hpp"

#include <format>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::rpc {

std::vector<std::string> split_command(std::string_view command) {
  std::vector<std::string> out;
  std::string word;
  bool is_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (c == '\\' && quote != '\'' && i + 1 < command.size()) {
      word += command[++i];
      is_word = true;
    } else if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      is_word = true;
    } else if (c == ' ' || c == '\t') {
      if (is_word) out.push_back(std::exchange(word, {}));
      is_word = false;
    } else {
      word += c;
      is_word = true;
    }
  }
  if (quote != 0)
    throw Error(Errc::invalid_parameter, std::format("the command `{}` has a quote that is not closed", command));
  if (is_word) out.push_back(std::move(word));
  if (out.empty()) throw Error(Errc::invalid_parameter, "the command of an MCP server is empty");
  return out;
}

}  // namespace dspy::rpc
