#include "measuring/label.hpp"

#include "dspy/base/file.hpp"
#include "dspy/base/text.hpp"
#include "dspy/evaluate/dataset.hpp"
#include "dspy/signature/field.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <filesystem>
#include <format>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace dspy::app {
namespace {

struct LabelFlags {
  SignatureFlags signature;
  ModelFlags model;
  std::string inputs;
  std::string out;
  std::string output;
  bool suggest = false;
};

/// What was typed, as a value of the field; for a choice also its number.  Throws `Error` (`bad_input`) that says why
/// it is none.
Json label_of(const Field& field, const std::string& typed) {
  const auto& choices = field.type.required().choices;
  std::size_t number = 0;
  const auto [end, code] = std::from_chars(typed.data(), typed.data() + typed.size(), number);
  const bool is_number = code == std::errc() && end == typed.data() + typed.size();
  const bool has_numbers = std::ranges::any_of(choices, [](const Json& choice) { return !choice.is_string(); });
  if (is_number && !has_numbers && number >= 1 && number <= choices.size()) return choices[number - 1];
  auto fitted = fit(field, typed_value(field, typed));
  if (!fitted) throw Error(Errc::bad_input, to_sentence(fitted.error(), std::format("`{}`", field.name)));
  return *std::move(fitted);
}

/// The rows that were labelled, in a file that is whole after each of them.
class LabelledRows {
 public:
  LabelledRows(std::filesystem::path path, const Signature& signature) : path_(std::move(path)) {
    std::error_code code;
    if (!std::filesystem::exists(path_, code)) return;
    each_row(path_, &signature, [&](const DataRow& row) {
      if (!row.problem.empty())
        throw Error(Errc::bad_input, std::format("{}:{} {}", path_.string(), row.line, row.problem));
      rows_.push_back(row.values);
    });
  }

  std::size_t size() const noexcept { return rows_.size(); }
  bool contains(const JsonObject& inputs) const {
    return std::ranges::any_of(rows_, [&](const JsonObject& row) {
      return std::ranges::all_of(inputs, [&](const auto& input) {
        const auto* const own = row.if_contains(input.key());
        return own != nullptr && *own == input.value();
      });
    });
  }
  void add(JsonObject row) {
    rows_.push_back(std::move(row));
    write();
  }
  void take_back() {
    rows_.pop_back();
    write();
  }

 private:
  void write() const {
    std::string text;
    for (const auto& row : rows_) text += to_text(row) + "\n";
    replace_file(path_, text);
  }

  std::filesystem::path path_;
  std::vector<JsonObject> rows_;
};

const Field& labelled_output(const Signature& signature, const std::string& name) {
  if (name.empty()) return signature.outputs.back();
  const auto found = std::ranges::find(signature.outputs, name, &Field::name);
  if (found == signature.outputs.end())
    throw Error(Errc::bad_input, std::format("the signature has no output `{}`", name));
  return *found;
}

void show(const Signature& signature, const Field& field, const JsonObject& inputs, std::size_t at, std::size_t count) {
  print_line(std::format("\n{} of {}", at + 1, count));
  for (const auto& input : signature.inputs) {
    if (const auto* const value = inputs.if_contains(input.name)) print_line(input.label + ": " + shown(*value));
  }
  const auto& choices = field.type.required().choices;
  for (std::size_t i = 0; i < choices.size(); ++i) print_line(std::format("  {} {}", i + 1, shown(choices[i])));
}

int run_label(const LabelFlags& flags) {
  const auto signature = flags.signature.make();
  const auto& field = labelled_output(signature, flags.output);
  LabelledRows done(flags.out, signature);
  std::vector<JsonObject> open;
  each_row(flags.inputs, &signature, [&](const DataRow& row) {
    if (!row.problem.empty())
      throw Error(Errc::bad_input, std::format("{}:{} {}", flags.inputs, row.line, row.problem));
    JsonObject inputs;
    for (const auto& input : signature.inputs) {
      if (const auto* const value = row.values.if_contains(input.name)) inputs[input.name] = *value;
    }
    if (!done.contains(inputs)) open.push_back(std::move(inputs));
  });
  print_line(std::format("{} to label, {} labelled before. `:skip`, `:back` and `:quit` are commands.", open.size(),
                         done.size()));
  std::optional<Predictor> model;
  if (flags.suggest) {
    model.emplace(signature, PredictorOptions{.lm = flags.model.make(),
                                              .adapter = adapter(flags.signature.adapter),
                                              .sampling = flags.model.sampling});
  }
  auto& in = standard_input();
  std::set<std::size_t> labelled;  // of `open`, so far
  for (std::size_t i = 0; i < open.size();) {
    show(signature, field, open[i], i, open.size());
    std::optional<Json> suggested;
    if (model) {
      if (const auto made = attempt([&] { return (*model)(open[i]); })) suggested = made->at(field.name);
    }
    std::cout << field.label << (suggested ? std::format(" [{}]", shown(*suggested)) : std::string()) << ": "
              << std::flush;
    std::string typed;
    if (!std::getline(in, typed)) break;
    typed = text::trim(typed);
    if (typed == ":quit") break;
    if (typed == ":skip" || (typed.empty() && !suggested)) {
      ++i;
      continue;
    }
    if (typed == ":back") {
      if (i > 0) {
        --i;
        if (labelled.erase(i) > 0) done.take_back();
      }
      continue;
    }
    const auto label = attempt([&] { return typed.empty() ? *suggested : label_of(field, typed); });
    if (!label) {
      print_line(std::string("  ") + label.error().what());
      continue;
    }
    auto row = open[i];
    row[field.name] = *label;
    done.add(std::move(row));
    labelled.insert(i++);
  }
  print_line(std::format("\n{} labelled now, {} in `{}`", labelled.size(), done.size(), flags.out));
  return exit_ok;
}

}  // namespace

void add_label(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<LabelFlags>();
  auto* command = app.add_subcommand("label", "Label examples by hand, one at a time");
  command->add_option("--inputs", flags->inputs, "The examples to label (.jsonl, .json, .csv)")->required();
  command->add_option("--out", flags->out, "The file of labelled examples (.jsonl); an existing file is continued")
      ->required();
  command->add_option("--output", flags->output, "The output to label [the last one]");
  command->add_flag("--suggest", flags->suggest, "Ask the model first; an empty line accepts its answer");
  flags->signature.add_to(*command);
  flags->model.add_to(*command);
  command->footer(
      "Type a value, or the number of a choice. `:skip` skips an example, `:back` undoes the last label, `:quit` "
      "exits;\nthe file is complete after each label, and examples in it are not shown again.\n"
      "Example:\n"
      "  dspy label -s \"ticket -> desk: Literal['maple', 'cedar']\" --inputs tickets.jsonl --out labelled.jsonl");
  command->callback([flags, &plan] { plan = [flags] { return run_label(*flags); }; });
}

}  // namespace dspy::app
