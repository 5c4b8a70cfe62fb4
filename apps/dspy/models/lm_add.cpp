#include "command.hpp"
#include "dspy/base/file.hpp"
#include "dspy/config/config.hpp"
#include "operations.hpp"

#include <algorithm>
#include <filesystem>
#include <format>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace dspy::app {
namespace {

namespace fs = std::filesystem;

struct AddFlags {
  std::string name;
  std::string model;
  std::string base_url;
  std::string key_env, key_file, key_command;
  std::vector<std::string> fallbacks;
  std::string file;
  bool is_default = false;
};

/// A text of TOML.
std::string toml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += std::format("\\u{:04X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string entry(const AddFlags& flags) {
  auto out = std::format("[lm.{}]\nmodel = {}\n", flags.name, toml_text(flags.model));
  if (!flags.base_url.empty()) out += std::format("base_url = {}\n", toml_text(flags.base_url));
  if (!flags.key_env.empty()) out += std::format("key = {{env = {}}}\n", toml_text(flags.key_env));
  if (!flags.key_file.empty()) out += std::format("key = {{file = {}}}\n", toml_text(flags.key_file));
  if (!flags.key_command.empty()) out += std::format("key = {{command = {}}}\n", toml_text(flags.key_command));
  if (!flags.fallbacks.empty()) {
    std::string list;
    for (const auto& each : flags.fallbacks) list += (list.empty() ? "" : ", ") + toml_text(each);
    out += std::format("fallbacks = [{}]\n", list);
  }
  return out;
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

/// All of it, or nothing: what is there stays if it cannot be written.
void write_whole(const fs::path& path, const std::string& text) {
  auto aside = path;
  aside += ".new";
  std::error_code code;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), code);
  std::ofstream out(aside, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out)
    throw Error(Errc::io_error, std::format("`{}` cannot be written; name another file with --file", path.string()));
  fs::rename(aside, path, code);
  if (code) throw Error(Errc::io_error, std::format("`{}` cannot be written: {}", path.string(), code.message()));
}

int run_add(const AddFlags& flags) {
  if (!is_plain_name(flags.name))
    throw Error(Errc::bad_input,
                std::format("`{}` is not a name for an LM; use letters, digits, `_` and `-`", flags.name));
  const auto path = !flags.file.empty() ? fs::path(flags.file) : Config::find().value_or("dspy.toml");
  std::error_code code;
  auto text = fs::exists(path, code) ? read_text(path, 1U << 20) : std::string();
  const auto before = Config::parse(text, path.string());
  if (before.lms().contains(flags.name))
    throw Error(Errc::bad_input, std::format("{} already has an LM `{}`; edit it there, or choose another name",
                                             path.string(), flags.name));
  if (flags.is_default && !before.default_lm().empty())
    throw Error(Errc::bad_input,
                std::format("{} already names `{}` as the default; edit it there", path.string(), before.default_lm()));
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  if (!text.empty()) text += '\n';
  text += entry(flags);
  if (flags.is_default) text = std::format("default = {}\n\n", toml_text(flags.name)) + text;
  Config::parse(text, path.string());  // says what is wrong before anything is written
  write_whole(path, text);
  print_line(std::format("{} now has the LM `{}`; try it: dspy lm show {}", path.string(), flags.name, flags.name));
  return exit_ok;
}

}  // namespace

void add_lm_add(CLI::App& command, Plan& plan) {
  auto flags = std::make_shared<AddFlags>();
  auto* add = command.add_subcommand("add", "Append a named model to dspy.toml");
  add->add_option("NAME", flags->name, "What it is called")->required();
  add->add_option("--model", flags->model, "The model, such as openai/gpt-5.4-mini or llama:FILE.gguf")->required();
  add->add_option("--base-url", flags->base_url, "Its base URL, if it is not the provider's own");
  auto* env = add->add_option("--key-env", flags->key_env, "The environment variable that holds its key");
  auto* file = add->add_option("--key-file", flags->key_file, "The file that holds its key");
  auto* shell = add->add_option("--key-command", flags->key_command, "What prints its key");
  env->excludes(file)->excludes(shell);
  file->excludes(shell);
  add->add_option("--fallback", flags->fallbacks, "The model to ask when it cannot answer");
  add->add_flag("--default", flags->is_default, "Make it the default model");
  add->add_option("--file", flags->file, "The file to change [the one in effect here, else dspy.toml]");
  add->footer("Example:\n  dspy lm add fast --model openai/gpt-5.4-mini --key-env OPENAI_API_KEY --default");
  add->callback([flags, &plan] { plan = [flags] { return run_add(*flags); }; });
}

}  // namespace dspy::app
