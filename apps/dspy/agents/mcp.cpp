#include "agents/agent_source.hpp"
#include "command.hpp"
#include "dspy/adapters/adapter.hpp"
#include "dspy/agents/mcp/client.hpp"
#include "dspy/agents/mcp/server.hpp"
#include "dspy/base/wait.hpp"

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <format>
#include <iostream>
#include <optional>

namespace dspy::app {
namespace {

struct ServeFlags {
  ProgramFlags program;
  ModelFlags model;
  std::string name;
  std::string adapter = "field";
  bool tools = false;
  std::optional<std::uint16_t> port;
  std::vector<std::string> origins;
};

/// A tool's name from a file's: letters, digits, `_` and `-`.
std::string tool_name(const std::string& path) {
  auto out = std::filesystem::path(path).stem().string();
  for (auto& c : out)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '-') c = '_';
  return out.empty() ? "program" : out.substr(0, 128);
}

/// The signals that end a server.
sigset_t ends() {
  sigset_t out;
  sigemptyset(&out);
  sigaddset(&out, SIGINT);
  sigaddset(&out, SIGTERM);
  return out;
}

/// Serves until the process is asked to end.
int serve_http(const McpServer& server, const ServeFlags& flags) {
  const auto awaited = ends();
  const McpHttpServer http(server, {.port = *flags.port, .origins = flags.origins});
  std::cerr << "dspy: serving MCP at " << http.url() << "; end with Ctrl-C\n";
  int signal = 0;
  sigwait(&awaited, &signal);
  return exit_ok;
}

std::string described(const Signature& signature) {
  return signature.instructions.empty() ? "Computes " + to_notation(signature) : signature.instructions;
}

/// The tools that need no approval: the MCP host that calls them decides whether to ask its user.
Tools without_consent(const AgentFile& file) {
  Tools out;
  for (const auto& tool : file.tools) {
    const bool asks = tool.options().needs_approval ||
                      std::ranges::any_of(file.options.approval.tools, [&](const std::string& pattern) {
                        return matches_wildcard(pattern, tool.name());
                      });
    if (asks) {
      std::cerr << std::format("dspy: `{}` is not served, as its calls need consent\n", tool.name());
    } else {
      out.add(tool);
    }
  }
  return out;
}

McpServer server_of_agent(const ServeFlags& flags) {
  const auto source = read_agent_source(flags.program.path);
  McpServer server("dspy");
  if (flags.tools) {
    server.add(without_consent(source.file));
    return server;
  }
  const auto agent =
      source.agent({.lm = flags.model.make(), .adapter = adapter(flags.adapter), .sampling = flags.model.sampling});
  server.add(flags.name.empty() ? tool_name(source.file.name) : flags.name, described(agent.signature()),
             agent.signature(), Program(agent));
  return server;
}

McpServer server_of_program(const ServeFlags& flags) {
  if (flags.tools) throw Error(Errc::bad_input, "--tools is for agents; a program has none");
  const auto file = flags.program.load();
  const auto& saved = flags.program.choose(file);
  auto predictor = flags.program.make(saved, {.sampling = flags.model.sampling});
  predictor.set_lm(flags.model.make());
  const auto signature = predictor.signature();
  McpServer server("dspy");
  server.add(flags.name.empty() ? tool_name(flags.program.path) : flags.name, described(signature), signature,
             Program(std::move(predictor)));
  return server;
}

int serve(const ServeFlags& flags) {
  if (flags.port) {  // before there are threads that could take the signals
    const auto awaited = ends();
    pthread_sigmask(SIG_BLOCK, &awaited, nullptr);
  }
  const bool is_agent = flags.program.path.starts_with("registry:") || is_agent_file(flags.program.path);
  const auto server = is_agent ? server_of_agent(flags) : server_of_program(flags);
  if (flags.port) return serve_http(server, flags);
  server.serve_stdio();
  return exit_ok;
}

struct InspectFlags {
  std::string target;
  std::string tool;
  std::string arguments = "{}";
  bool json = false;
};

JsonObject to_json(const McpTool& tool) {
  JsonObject out{{"name", tool.name}, {"description", tool.description}, {"input_schema", tool.input_schema}};
  if (tool.output_schema) out["output_schema"] = *tool.output_schema;
  return out;
}

int call_tool(const McpClient& client, const InspectFlags& flags) {
  auto arguments = parse_json(flags.arguments);
  if (!arguments || !arguments->is_object()) throw Error(Errc::bad_input, "--arguments is not a JSON object");
  const auto result = wait(client.call_tool(flags.tool, std::move(arguments->get_object())));
  if (flags.json) {
    JsonObject out{{"content", result.content}, {"is_error", result.is_error}};
    if (result.structured) out["structured"] = *result.structured;
    print_json(out);
  } else {
    print_line(result.text());
  }
  return result.is_error ? exit_failed : exit_ok;
}

int inspect(const InspectFlags& flags) {
  const McpClient client(flags.target);
  if (!flags.tool.empty()) return call_tool(client, flags);
  const auto server = wait(client.connect());
  const auto has = [&](const char* what) { return server.capabilities.contains(what); };
  const auto tools = has("tools") ? wait(client.list_tools()) : std::vector<McpTool>();
  const auto resources = has("resources") ? wait(client.list_resources()) : std::vector<JsonObject>();
  const auto prompts = has("prompts") ? wait(client.list_prompts()) : std::vector<JsonObject>();
  if (flags.json) {
    JsonArray listed;
    for (const auto& tool : tools) listed.push_back(to_json(tool));
    print_json({{"name", server.name},
                {"version", server.version},
                {"protocol", server.protocol},
                {"instructions", server.instructions},
                {"tools", std::move(listed)},
                {"resources", JsonArray(resources.begin(), resources.end())},
                {"prompts", JsonArray(prompts.begin(), prompts.end())}});
    return exit_ok;
  }
  print_line(std::format("{} {}, protocol {}", server.name, server.version, server.protocol));
  if (!server.instructions.empty()) print_line(server.instructions);
  const auto named = [](const char* kind, const JsonObject& item, const char* key) {
    const auto* const value = item.if_contains(key);
    print_line(std::format("{} {}", kind, value != nullptr && value->is_string() ? view(value->get_string()) : "?"));
  };
  for (const auto& tool : tools) print_line(std::format("tool {}: {}", tool.name, tool.description));
  for (const auto& resource : resources) named("resource", resource, "uri");
  for (const auto& prompt : prompts) named("prompt", prompt, "name");
  return exit_ok;
}

}  // namespace

void add_mcp(CLI::App& app, Plan& plan) {
  auto* command = app.add_subcommand("mcp", "Model Context Protocol: serve programs, inspect servers");
  command->require_subcommand(1);

  auto served = std::make_shared<ServeFlags>();
  auto* serving =
      command->add_subcommand("serve", "Serve a saved program or an agent as a tool, over standard input and output");
  serving
      ->add_option("program", served->program.path,
                   "A program file, an agent's file, or registry:NAME@ALIAS of an agent")
      ->required();
  serving->add_flag("--tools", served->tools, "Of an agent: serve its tools instead of itself");
  serving->add_option("--adapter", served->adapter, "Of an agent: field, chat, json, xml")->capture_default_str();
  serving->add_option("--name", served->name, "The tool's name (default: the file's name)");
  serving->add_option("--http", served->port, "Serve Streamable HTTP on this port of 127.0.0.1 instead; 0: any");
  serving->add_option("--origin", served->origins,
                      "An origin whose web pages may send requests over HTTP (may be repeated)");
  served->program.add_to(*serving);
  served->model.add_to(*serving);
  serving->callback([served, &plan] { plan = [served] { return serve(*served); }; });

  auto looked = std::make_shared<InspectFlags>();
  auto* looking = command->add_subcommand("inspect", "Show what a server offers, or call one of its tools");
  looking->add_option("server", looked->target, "A command to run, or a URL")->required();
  looking->add_option("--call", looked->tool, "Call this tool");
  looking->add_option("--arguments", looked->arguments, "Its arguments, a JSON object");
  looking->add_flag("--json", looked->json, "Print JSON");
  looking->callback([looked, &plan] { plan = [looked] { return inspect(*looked); }; });
}

}  // namespace dspy::app
