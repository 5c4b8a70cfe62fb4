#include "inputs.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <sstream>
#include <utility>

namespace dspy::app {

void reject_input(const std::string& member, const std::string& reason) {
  ErrorInfo info;
  info.invalid = {member};
  throw Error(Errc::bad_input, "`" + member + "` " + reason, std::move(info));
}

Json typed_value(const Field& field, const std::string& text) {
  const auto kind = field.type.required().kind;
  if (kind == Type::Kind::string) return Json(text);
  if (auto json = parse_json(text)) return *std::move(json);
  if (kind == Type::Kind::literal || fit(field.type, Json(text))) return Json(text);  // a choice, a date, …
  reject_input(field.name,
               "has the type `" + to_notation(field.type) + "`, and `" + text + "` does not fit it; write it as JSON");
}

JsonObject read_inputs(const Signature& signature, const std::vector<std::string>& arguments) {
  JsonObject out;
  for (const auto& argument : arguments) {
    if (argument.starts_with('{')) {
      auto json = parse_json(argument);
      if (!json || !json->is_object()) {
        throw Error(
            Errc::bad_input,
            "--input `" + argument + "` is not a JSON object" +
                (json ? "" : ": " + json.error().message + " at byte " + std::to_string(json.error().position)));
      }
      for (auto& member : json->get_object()) out[member.key()] = std::move(member.value());
      continue;
    }
    const auto equals = argument.find('=');
    if (equals == std::string::npos) {
      throw Error(Errc::bad_input, "--input `" + argument + "` is neither name=value nor a JSON object");
    }
    const auto name = argument.substr(0, equals);
    const auto value = argument.substr(equals + 1);
    const auto* field = signature.find(name);
    out[name] = field == nullptr ? Json(value) : typed_value(*field, value);
  }
  return out;
}

std::vector<Example> read_examples(const std::string& path, const Signature& signature) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(Errc::io_error, "cannot read the demonstrations `" + path + "`; check the path");
  std::vector<Example> out;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    const auto text = number == 1 ? text::without_byte_order_mark(line) : std::string_view(line);
    if (text::trim(text).empty()) continue;
    const auto json = parse_json(text);
    if (!json || !json->is_object()) {
      throw Error(Errc::bad_input,
                  path + ", line " + std::to_string(number) + ": not a JSON object; write one per line");
    }
    out.emplace_back(json->get_object(), signature);
  }
  return out;
}

std::istream& standard_input() {
  struct stat what = {};
  if (::fstat(STDIN_FILENO, &what) != 0)
    throw Error(Errc::io_error, "standard input is closed; redirect a file or a pipe to it");
  if (S_ISDIR(what.st_mode)) throw Error(Errc::io_error, "standard input is a folder; redirect a file or a pipe to it");
  return std::cin;
}

std::string read_all(std::istream& in) {
  std::ostringstream out;
  if (in.peek() != std::istream::traits_type::eof()) out << in.rdbuf();
  if (in.bad()) throw Error(Errc::io_error, "cannot read all of standard input; try again");
  const auto text = std::move(out).str();
  return std::string(text::without_byte_order_mark(text));
}

}  // namespace dspy::app
