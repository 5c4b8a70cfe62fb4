#include "agents/agent_servers.hpp"

#include "agents/file_members.hpp"
#include "dspy/agents/mcp/client.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/secret.hpp"

#include <cstdlib>
#include <format>
#include <set>
#include <utility>

namespace dspy {
namespace agent_file {
namespace {

/// As `split_command` reads it again.
std::string as_word(std::string_view word) {
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += R"('\'')";
    } else {
      out += c;
    }
  }
  return out + "'";
}

AgentServer server_of(const Json& written, const std::string& place, const std::filesystem::path& folder,
                      bool& is_relative) {
  Members members(written, place);
  AgentServer out{.name = members.text("name"), .target = members.text("url", "")};
  auto command = members.texts("command");
  out.tools = members.texts("tools");
  out.environment = members.texts("environment");
  out.token_from = members.text("token_from", "");
  out.needs_approval = members.flag("needs_approval");
  members.end();
  if (out.name.empty()) refuse(members.at("name"), "is empty; its tools are called NAME.TOOL");
  if (command.empty() == out.target.empty())
    refuse(place, "needs either `command`, a list of the program and its arguments, or `url`");
  if (!command.empty()) {
    if (!out.token_from.empty())
      refuse(members.at("token_from"), "is for servers with a `url`; give a program its variables in `environment`");
    is_relative = place_beside(command.front(), folder) || is_relative;
    for (const auto& word : command) out.target += (out.target.empty() ? "" : " ") + as_word(word);
  } else if (!out.target.starts_with("http://") && !out.target.starts_with("https://")) {
    refuse(members.at("url"), "must begin with http:// or https://");
  } else if (!out.environment.empty()) {
    refuse(members.at("environment"), "is for servers with a `command`; give the token of a URL in `token_from`");
  }
  return out;
}

std::string variable(const AgentServer& server, const std::string& name) {
  if (const char* const value = std::getenv(name.c_str())) return value;
  throw Error(Errc::config_error,
              std::format("the agent's MCP server `{}` needs the environment variable {}; set it", server.name, name));
}

Tools tools_of(const AgentServer& server) {
  McpOptions options;
  for (const auto& name : server.environment)
    options.environment.push_back(std::format("{}={}", name, variable(server, name)));
  if (!server.token_from.empty())
    options.headers.push_back(
        {.name = "Authorization", .prefix = "Bearer ", .value = Secret(variable(server, server.token_from))});
  auto all = mcp(server.target, std::move(options));
  return server.tools.empty() ? all : all.only(server.tools);
}

}  // namespace

bool place_beside(std::string& program, const std::filesystem::path& folder) {
  const bool is_beside = program.starts_with("./") || program.starts_with("../");
  if (is_beside) program = std::filesystem::absolute(folder / program).lexically_normal().string();
  return is_beside;
}

std::vector<AgentServer> servers_of(const Json* written, const std::filesystem::path& folder, bool& is_relative) {
  std::vector<AgentServer> out;
  if (written == nullptr) return out;
  if (!written->is_array()) refuse("mcp", "must be a list of servers");
  std::set<std::string> names;
  for (const auto& each : written->get_array()) {
    out.push_back(server_of(each, std::format("mcp[{}]", out.size()), folder, is_relative));
    if (!names.insert(out.back().name).second)
      refuse(std::format("mcp[{}].name", out.size() - 1), "is that of another server; give it one of its own");
  }
  return out;
}

}  // namespace agent_file

void AgentFile::connect() {
  for (const auto& server : servers) {
    try {
      tools.add(agent_file::tools_of(server), server.name);
    } catch (const Error& error) {
      if (std::string_view(error.what()).starts_with("the agent's MCP server")) throw;
      throw Error(error.code(), std::format("the agent's MCP server `{}`: {}", server.name, error.what()));
    }
    if (server.needs_approval) options.approval.tools.push_back(server.name + ".*");
  }
  servers.clear();
}

}  // namespace dspy
