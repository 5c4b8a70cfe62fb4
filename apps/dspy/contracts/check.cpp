#include "contracts/subject.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json_pointer.hpp"
#include "dspy/base/text.hpp"
#include "dspy/evaluate/dataset.hpp"

#include <algorithm>
#include <format>
#include <map>

namespace dspy::app {
namespace {

struct CheckFlags {
  std::vector<std::string> files;
  std::string against;
  ProgramFlags program;
  std::size_t most = 100;
  bool inputs_only = false;
  bool json = false;
};

struct Problem {
  std::string file = {};
  std::size_t line = 0;
  std::string path = {};  ///< `answer.lines[2]`; empty for the whole row.
  std::string rule = {};
  std::string message = {};
};

class Checker {
 public:
  Checker(const Signature& signature, const CheckFlags& flags) : signature_(signature), flags_(flags) {}

  void data(const std::string& file) {
    file_ = file;
    each_row(file, &signature_, [&](const DataRow& row) {
      ++rows_;
      if (!row.problem.empty()) return add(row.line, {}, "row", row.problem);
      values(row.line, row.values);
    });
  }

  void program(const std::string& file, const ProgramFile& program, const ProgramFlags& flags) {
    file_ = file;
    const auto text = read_text(file, std::uintmax_t{256} << 20);
    const auto& saved = flags.choose(program);
    const auto root = saved.path == "self" ? std::string() : step_into({}, saved.path);
    for (const auto& difference : differences(saved, signature_))
      add(line_of(text, root + "/signature"), {}, "fields", "differs: " + difference);
    if (const auto functions = ProgramFlags::functions_of(saved); !functions.empty())
      notes_.push_back(std::format("{} was saved with {}, which is not checked here", file, functions));
    for (std::size_t i = 0; i < saved.demos.size(); ++i) {
      ++rows_;
      values(line_of(text, std::format("{}/demos/{}", root, i)), saved.demos[i]);
    }
  }

  int report() const { return flags_.json ? print_as_json() : print_as_text(); }

 private:
  void add(std::size_t line, std::string path, std::string rule, std::string message) {
    ++count_;
    if (problems_.size() < flags_.most)
      problems_.push_back({file_, line, std::move(path), std::move(rule), std::move(message)});
  }

  static std::size_t line_of(std::string_view text, std::string_view pointer) {
    const auto before = text.substr(0, position_of(text, pointer).value_or(0));
    return 1 + static_cast<std::size_t>(std::ranges::count(before, '\n'));
  }

  void values(std::size_t line, const JsonObject& row) {
    side(line, row, signature_.inputs, true);
    side(line, row, signature_.outputs, !flags_.inputs_only);
    for (const auto& member : row) {
      const auto name = std::string_view(member.key());
      const bool is_mark = name == "augmented" || name.starts_with("dspy_");  // of DSPy, on demonstrations
      if (!is_mark && signature_.find(name) == nullptr) ++unknown_[std::string(name)];
    }
  }

  void side(std::size_t line, const JsonObject& row, const std::vector<Field>& fields, bool is_wanted) {
    for (const auto& field : fields) {
      const auto* value = row.if_contains(field.name);
      if (value == nullptr) {
        if (is_wanted && field.is_required()) add(line, field.name, "missing", "is missing");
        continue;
      }
      const auto fitted = fit(field, *value);
      if (fitted) continue;
      for (const auto& violation : fitted.error()) add(line, violation.path, violation.rule, violation.message);
    }
  }

  int print_as_json() const {
    JsonArray problems;
    for (const auto& problem : problems_)
      problems.push_back(JsonObject{{"file", problem.file},
                                    {"line", problem.line},
                                    {"path", problem.path},
                                    {"rule", problem.rule},
                                    {"message", problem.message}});
    JsonObject unknown;
    for (const auto& [name, count] : unknown_) unknown[name] = count;
    print_json({{"rows", rows_},
                {"count", count_},
                {"problems", std::move(problems)},
                {"unknown", std::move(unknown)},
                {"notes", JsonArray(notes_.begin(), notes_.end())}});
    return count_ == 0 ? exit_ok : exit_failed;
  }

  int print_as_text() const {
    for (const auto& problem : problems_)
      print_line(std::format("{}:{}: {} {}", problem.file, problem.line,
                             problem.path.empty() ? std::string("the row") : std::format("`{}`", problem.path),
                             problem.message));
    if (count_ > problems_.size())
      print_line(std::format("… and {} more (--most shows more)", count_ - problems_.size()));
    for (const auto& [name, count] : unknown_)
      print_line(
          std::format("note: `{}` in {} row{} is not a field of the signature", name, count, count == 1 ? "" : "s"));
    for (const auto& note : notes_) print_line("note: " + note);
    print_line(std::format("{} row{}, {} problem{}", rows_, rows_ == 1 ? "" : "s", count_, count_ == 1 ? "" : "s"));
    return count_ == 0 ? exit_ok : exit_failed;
  }

  const Signature& signature_;
  const CheckFlags& flags_;
  std::string file_;
  std::vector<Problem> problems_;
  std::map<std::string, std::size_t> unknown_;
  std::vector<std::string> notes_;
  std::size_t rows_ = 0;
  std::size_t count_ = 0;
};

/// The program in a file, if it is one: a list of rows is none.
bool is_program(const std::string& path) {
  if (!path.ends_with(".json")) return false;
  const auto text = read_text(path, std::uintmax_t{1} << 30);
  return text::trim(text).starts_with('{');
}

int run_check(const CheckFlags& flags) {
  const auto subject = read_subject(flags.against, flags.program);
  if (!subject.signature) {
    throw Error(Errc::bad_input,
                subject.schema
                    ? std::format("`{}` is a JSON Schema; check against a signature or a saved program", flags.against)
                    : std::format("`{}` has several predictors, or does not name its fields; choose one with "
                                  "--predictor, or give its signature with --signature",
                                  flags.against));
  }
  Checker checker(*subject.signature, flags);
  for (const auto& file : flags.files) {
    if (is_program(file)) {
      checker.program(file, load_program(file, {.accept_changed = flags.program.accept_changed}), [&] {
        auto chosen = flags.program;
        chosen.path = file;
        return chosen;
      }());
    } else {
      checker.data(file);
    }
  }
  return checker.report();
}

}  // namespace

void add_check(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<CheckFlags>();
  auto* command = app.add_subcommand("check", "Check datasets or saved programs against a signature, line by line");
  command
      ->add_option("against", flags->against,
                   "The signature: \"question -> answer: int\", or a file with a signature or a saved program")
      ->required();
  command->add_option("files", flags->files, "Datasets (.jsonl, .json, .csv) or saved programs (.json)")->required();
  command->add_flag("--inputs-only", flags->inputs_only, "Do not require the outputs, for data without labels");
  command->add_option("--most", flags->most, "Show up to this many problems")->capture_default_str();
  command->add_flag("--json", flags->json, "Print {\"rows\", \"count\", \"problems\", \"unknown\", \"notes\"}");
  flags->program.add_to(*command);
  command->footer(
      "Prints `file:line: field problem` for each value that breaks its type or a limit, and each field that is\n"
      "missing; of a program, also how its fields differ.  Columns that are not fields are noted, but are not a "
      "problem.\n"
      "Exit code 0 if there is no problem, 1 if there is one, 2 if the signature is wrong.\n"
      "Examples:\n"
      "  dspy check \"question -> answer: Annotated[int, Field(ge=0)]\" train.jsonl dev.csv\n"
      "  dspy check \"question -> answer\" tuned.json");
  command->callback([flags, &plan] { plan = [flags] { return run_check(*flags); }; });
}

}  // namespace dspy::app
