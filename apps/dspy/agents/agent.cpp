#include "agents/agent_commands.hpp"
#include "agents/agent_source.hpp"
#include "command.hpp"
#include "dspy/adapters/adapter.hpp"
#include "dspy/agents/agent_file.hpp"
#include "dspy/agents/journal.hpp"
#include "dspy/agents/react.hpp"
#include "dspy/agents/trajectory.hpp"

#include <algorithm>
#include <format>
#include <iostream>
#include <map>

namespace dspy::app {
namespace {

struct AgentFlags {
  std::string file;
  std::string journal;
  std::vector<std::string> inputs;
  std::vector<std::string> decisions;
  std::string before_turn_to;
  int before_turn = -1;
  std::string adapter = "field";
  ModelFlags model;
  bool durable = false;
  bool ask = false;
  bool json = false;
  bool atif = false;
  bool otlp = false;
  bool has_content = false;
};

ReActAgent agent_of(const AgentFlags& flags, AgentSource source) {
  if (flags.ask) source.file.options.approval.ask = ask_user_for({}, std::cin, std::cerr).ask;
  return source.agent({.lm = flags.model.make(), .adapter = adapter(flags.adapter), .sampling = flags.model.sampling});
}

/// `call_0_0=approve`, `=deny:words`, `=edit:{…}`, `=answer:…`.
std::map<std::string, Verdict, std::less<>> decisions_of(const std::vector<std::string>& written) {
  std::map<std::string, Verdict, std::less<>> out;
  for (const auto& each : written) {
    const auto equals = each.find('=');
    if (equals == std::string::npos)
      throw Error(Errc::bad_input, std::format("`{}` is not a decision; write CALL=approve, CALL=deny:WHY, "
                                               "CALL=edit:ARGUMENTS or CALL=answer:RESULT",
                                               each));
    const auto said = each.substr(equals + 1);
    const auto colon = std::min(said.find(':'), said.size());
    Verdict verdict{.kind = verdict_kind(said.substr(0, colon))};
    const auto rest = said.substr(std::min(colon + 1, said.size()));
    if (verdict.kind == Verdict::Kind::deny) {
      verdict.words = rest;
    } else if (verdict.kind == Verdict::Kind::edit || verdict.kind == Verdict::Kind::answer) {
      auto value = parse_json(rest);
      if (!value) throw Error(Errc::bad_input, std::format("`{}` is not JSON: {}", rest, value.error().message));
      verdict.value = *std::move(value);
    }
    out[each.substr(0, equals)] = std::move(verdict);
  }
  return out;
}

int tell(const AgentFlags& flags, const ReActAgent& agent, const AgentOutcome& outcome) {
  if (!outcome.is_done()) {
    JsonArray waiting;
    for (const auto& call : outcome.waiting) {
      waiting.push_back(JsonObject{{"call", call.id}, {"tool", call.tool}, {"arguments", call.arguments}});
      if (!flags.json)
        print_line(std::format("waits for consent: {} {} ({})", call.tool, to_text(call.arguments), call.id));
    }
    if (flags.json) {
      print_json({{"waiting", std::move(waiting)}});
    } else {
      const auto model = flags.model.model.empty() ? std::string() : std::format(" -m {}", flags.model.model);
      const auto adapter = flags.adapter == AgentFlags().adapter ? std::string() : " --adapter " + flags.adapter;
      print_line(std::format("resume with: dspy agent resume {} {}{}{} --decide {}=approve", flags.file,
                             flags.journal.empty() ? "JOURNAL" : flags.journal, model, adapter,
                             outcome.waiting.front().id));
    }
    return exit_ok;
  }
  if (flags.json) {
    print_json(to_json(outcome.prediction));
  } else {
    print_outputs(agent.signature(), outcome.prediction, false);
  }
  return exit_ok;
}

int run_agent(const AgentFlags& flags) {
  const auto source = read_agent_source(flags.file);
  auto inputs = read_inputs(source.file.signature, flags.inputs);
  const auto agent = agent_of(flags, source);
  if (flags.journal.empty()) {
    // Nothing could go on with a run that waits.
    return tell(flags, agent, {.prediction = agent(std::move(inputs))});
  }
  return tell(
      flags, agent,
      agent.start(std::move(inputs), {.journal = flags.journal, .journal_options = {.is_durable = flags.durable}}));
}

int resume_agent(const AgentFlags& flags) {
  auto journal = flags.journal;
  if (flags.before_turn >= 0) {
    if (flags.before_turn_to.empty())
      throw Error(Errc::bad_input, "--before-turn needs --to, the file of the new journal");
    step_back(journal, flags.before_turn_to, static_cast<std::size_t>(flags.before_turn));
    journal = flags.before_turn_to;
  }
  const auto agent = agent_of(flags, read_agent_source(flags.file));
  return tell(flags, agent,
              agent.resume({.journal = journal,
                            .journal_options = {.is_durable = flags.durable},
                            .decisions = decisions_of(flags.decisions)}));
}

int replay_agent(const AgentFlags& flags) {
  auto replayed = read_agent_source(flags.file);
  const auto content = read_journal(flags.journal);
  if (content.events.empty()) throw Error(Errc::bad_input, "the journal holds no run");
  replayed.file.tools = recorded_tools(replayed.file.tools, content.events);
  replayed.file.options.approval = {};
  const auto agent = agent_of(flags, replayed);
  return tell(flags, agent, {.prediction = agent(content.events.front().inputs)});
}

int show_run(const AgentFlags& flags) {
  const auto content = read_journal(flags.journal);
  if (flags.atif) {
    print_json(to_atif(content.events));
  } else if (flags.otlp) {
    print_json(to_otlp(content.events, flags.model.model, flags.has_content));
  } else if (flags.json) {
    for (const auto& event : content.events) print_json(dspy::to_json(event));
  } else {
    print_line(transcript(content.events));
    if (content.has_torn_tail) print_line("The last line of the journal is incomplete and was ignored.");
  }
  return exit_ok;
}

struct ToolFlags {
  std::string file;
  std::string tool;
  std::string arguments = "{}";
  bool json = false;
};

int list_tools(const ToolFlags& flags) {
  const auto file = read_agent_source(flags.file).file;
  for (const auto& tool : file.tools) {
    if (flags.json) {
      print_json({{"name", tool.name()},
                  {"description", tool.definition().description},
                  {"parameters", tool.definition().parameters},
                  {"idempotent", tool.options().idempotent},
                  {"needs_approval", tool.options().needs_approval}});
    } else {
      print_line(std::format("{}: {}", tool.name(), tool.definition().description));
    }
  }
  return exit_ok;
}

const FunctionTool& tool_named(const AgentFile& file, const std::string& name) {
  if (const auto* const tool = file.tools.find(name)) return *tool;
  throw Error(Errc::bad_input, std::format("the agent has no tool `{}`; `dspy tools list` shows its tools", name));
}

int call_tool(const ToolFlags& flags, bool only_checks) {
  const auto file = read_agent_source(flags.file).file;
  const auto& tool = tool_named(file, flags.tool);
  if (only_checks) {
    const auto arguments = tool.checked(Json(flags.arguments));
    if (!arguments) throw Error(Errc::bad_input, to_sentence(arguments.error(), "the whole"));
    print_json(*arguments);
    return exit_ok;
  }
  const auto outcome = tool(Json(flags.arguments));
  if (flags.json) {
    print_json(dspy::to_json(outcome));
  } else {
    print_line(observation(outcome));
  }
  return outcome.is_error ? exit_failed : exit_ok;
}

void add_model_flags(CLI::App& command, AgentFlags& flags) {
  command.add_option("--adapter", flags.adapter, "Adapter: field, chat, json, xml")->capture_default_str();
  command.add_flag("--ask", flags.ask, "Ask on the terminal about calls that need consent");
  flags.model.add_to(command);
}

}  // namespace

void add_agent(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<AgentFlags>();
  auto* command = app.add_subcommand("agent", "Run, resume, replay and show agents that call tools");
  command->require_subcommand(1);
  auto* run = command->add_subcommand("run", "Run the agent that a file describes");
  run->add_option("agent", flags->file, "The agent's file (docs/formats/agent.md), or registry:NAME@ALIAS")->required();
  run->add_option("--input", flags->inputs, "An input as name=value or {\"name\": value} (may be repeated)");
  run->add_option("--journal", flags->journal, "Record the run in this file, so that it can be resumed");
  run->add_flag("--durable", flags->durable, "Have each step on the disk before it takes effect");
  add_model_flags(*run, *flags);
  auto* resume = command->add_subcommand("resume", "Resume a run from its journal");
  resume->add_option("agent", flags->file, "The agent's file")->required();
  resume->add_option("journal", flags->journal, "The run's journal")->required();
  resume->add_option("--decide", flags->decisions,
                     "CALL=approve, CALL=deny:WHY, CALL=edit:ARGUMENTS or CALL=answer:RESULT (may be repeated)");
  resume->add_option("--before-turn", flags->before_turn, "Restart before this turn, counted from 0");
  resume->add_option("--to", flags->before_turn_to, "With --before-turn: the new journal");
  resume->add_flag("--durable", flags->durable, "Have each step on the disk before it takes effect");
  add_model_flags(*resume, *flags);
  auto* replay = command->add_subcommand("replay", "Run the agent again with the recorded results of its tools");
  replay->add_option("agent", flags->file, "The agent's file")->required();
  replay->add_option("journal", flags->journal, "The journal with the results")->required();
  add_model_flags(*replay, *flags);
  auto* show = command->add_subcommand("show", "Show a run's transcript and cost");
  show->add_option("journal", flags->journal, "The run's journal")->required();
  show->add_flag("--atif", flags->atif, "Print it in the Agent Trajectory Interchange Format");
  show->add_flag("--otlp", flags->otlp, "Print it as OpenTelemetry spans, for a collector's /v1/traces")
      ->excludes("--atif");
  show->add_flag("--content", flags->has_content, "With --otlp: also inputs, thoughts, arguments and results")
      ->needs("--otlp");
  show->add_option("--model", flags->model.model, "With --otlp: the model's name, which no journal has")
      ->needs("--otlp");
  for (auto* each : {run, resume, replay, show}) each->add_flag("--json", flags->json, "Print JSON");
  run->callback([flags, &plan] { plan = [flags] { return run_agent(*flags); }; });
  resume->callback([flags, &plan] { plan = [flags] { return resume_agent(*flags); }; });
  replay->callback([flags, &plan] { plan = [flags] { return replay_agent(*flags); }; });
  show->callback([flags, &plan] { plan = [flags] { return show_run(*flags); }; });
}

void add_tools(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<ToolFlags>();
  auto* command = app.add_subcommand("tools", "List, check and call the tools of an agent");
  command->require_subcommand(1);
  auto* list = command->add_subcommand("list", "List the tools of an agent's file");
  auto* call = command->add_subcommand("call", "Call a tool");
  auto* check = command->add_subcommand("check", "Print the arguments as the tool would receive them, or the errors");
  for (auto* each : {list, call, check}) each->add_option("agent", flags->file, "The agent's file")->required();
  for (auto* each : {call, check}) {
    each->add_option("tool", flags->tool, "The tool's name")->required();
    each->add_option("arguments", flags->arguments, "Its arguments, as a model might write them")
        ->capture_default_str();
  }
  for (auto* each : {list, call, check}) each->add_flag("--json", flags->json, "Print JSON");
  list->callback([flags, &plan] { plan = [flags] { return list_tools(*flags); }; });
  call->callback([flags, &plan] { plan = [flags] { return call_tool(*flags, false); }; });
  check->callback([flags, &plan] { plan = [flags] { return call_tool(*flags, true); }; });
}

}  // namespace dspy::app
