#include "dspy/optimize/bootstrap_finetune.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/sha256.hpp"
#include "optimize/demos.hpp"
#include "optimize/finetune_rows.hpp"
#include "optimize/options.hpp"
#include "optimize/run_trainer.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <fstream>
#include <map>
#include <string_view>
#include <system_error>
#include <utility>

namespace dspy {
namespace {

using namespace optimize;
namespace fs = std::filesystem;

constexpr std::string_view everyone = "all";
constexpr std::uintmax_t longest_data = std::uintmax_t{8} << 30;

/// Each `{name}` in the text replaced by what `value_of` says of it.
template <class F>
std::string filled(std::string_view text, F&& value_of) {
  std::string out;
  while (true) {
    const auto open = text.find('{');
    const auto close = open == std::string_view::npos ? open : text.find('}', open);
    if (close == std::string_view::npos) return out.append(text);
    out.append(text.substr(0, open)).append(value_of(text.substr(open + 1, close - open - 1)));
    text.remove_prefix(close + 1);
  }
}

void check(const TrainerCommand& trainer) {
  if (trainer.argv.empty() || trainer.argv[0].empty())
    throw Error(Errc::invalid_parameter, "BootstrapFinetune trains by a command: set `.trainer.argv`");
  bool has_data = false;
  bool has_output = false;
  for (const auto& word : trainer.argv) {
    filled(word, [&](std::string_view name) -> std::string_view {
      has_data = has_data || name == "data";
      has_output = has_output || name == "output";
      if (name == "data" || name == "output" || name == "name") return name;
      throw Error(Errc::invalid_parameter,
                  std::format("the trainer's command names `{{{}}}`, which has no value; use only "
                              "`{{data}}`, `{{output}}` and `{{name}}`",
                              name));
    });
  }
  if (!has_data || !has_output)
    throw Error(Errc::invalid_parameter,
                std::format("the trainer's command lacks `{{{}}}`: it could not {}", has_data ? "output" : "data",
                            has_data ? "say where its weights are wanted" : "find what to train on"));
}

/// A file name for a predictor.
std::string file_name(std::string_view name) {
  std::string out(name);
  std::ranges::replace(out, '/', '-');
  return out;
}

/// One training.
class Trained {
 public:
  Trained(const BootstrapFinetuneOptions& options, std::string name)
      : options_(options),
        name_(std::move(name)),
        base_(options.folder / file_name(name_)),
        data_(fs::path(base_).concat(".jsonl")),
        output_(fs::path(base_).concat(options.trainer.output_extension)) {}

  struct Made {
    fs::path weights;
    std::string origin;     ///< A digest of what they depend on.
    bool is_known = false;  ///< They were there already.
  };

  Made make(const FinetuneData& rows, const std::stop_token& stop) const {
    rows.write(data_);
    std::vector<std::string> argv;
    for (const auto& word : options_.trainer.argv) {
      argv.push_back(filled(word, [&](std::string_view word_in_braces) {
        return word_in_braces == "name" ? name_ : word_in_braces == "data" ? data_.string() : output_.string();
      }));
    }
    auto of = origin(argv);
    const auto mark = fs::path(base_).concat(".trained");
    const auto before = attempt([&] { return read_file(mark, longest_data); });
    if (before && *before == of && !problem()) return {.weights = output_, .origin = std::move(of), .is_known = true};
    std::error_code code;
    fs::remove(mark, code);
    fs::remove(output_, code);  // an old one must not pass for a new one
    const auto log = fs::path(base_).concat(".log");
    run_trainer({.argv = std::move(argv), .log = log, .time_limit = options_.trainer.time_limit, .stop = stop});
    if (const auto wrong = problem()) {
      throw Error(Errc::config_error, std::format("the trainer `{}` succeeded, but `{}` {}; see its log `{}`",
                                                  options_.trainer.argv[0], output_.string(), *wrong, log.string()));
    }
    replace_file(mark, of);
    return {.weights = output_, .origin = std::move(of)};
  }

 private:
  std::string origin(const std::vector<std::string>& argv) const {
    std::string all = sha256(read_file(data_, longest_data));
    for (const auto& word : argv) all.append("\n").append(word);
    return sha256(all);
  }

  /// What is wrong with the output, if anything.
  std::optional<std::string> problem() const {
    std::error_code code;
    if (!fs::exists(output_, code)) return "is not there";
    if (fs::is_directory(output_, code)) return std::nullopt;  // as some trainers save
    std::ifstream file(output_, std::ios::binary);
    std::array<char, 4> head = {};
    file.read(head.data(), head.size());
    if (file.gcount() == 0) return "is empty";
    if (output_.extension() == ".gguf" && std::string_view(head.data(), head.size()) != "GGUF")
      return "is not a GGUF file";
    return std::nullopt;
  }

  const BootstrapFinetuneOptions& options_;
  std::string name_;
  fs::path base_;
  fs::path data_;
  fs::path output_;
};

}  // namespace

BootstrapFinetune::BootstrapFinetune(BootstrapFinetuneOptions options) : options_(std::move(options)) {
  if (options_.folder.empty())
    throw Error(Errc::invalid_parameter, "BootstrapFinetune writes data and weights: set `.folder`");
  check(options_.trainer);
}

Optimized BootstrapFinetune::compile(const Program& student, const Training& training) const {
  const bool has_metric = options_.metric.is_set();
  JsonArray argv;
  for (const auto& word : options_.trainer.argv) argv.emplace_back(word);
  Search search("BootstrapFinetune",
                {{"metric_threshold", json_of(options_.metric_threshold)},
                 {"multitask", options_.multitask},
                 {"exclude_demos", options_.exclude_demos},
                 {"trainer", std::move(argv)}},
                student, has_metric ? options_.metric : any_answer(), training);
  return search.complete([&] {
    const auto before = search.add(student, "the program as it was");
    const auto all = finetune_rows(search, training.teacher.value_or(student), training,
                                   {.metric = options_.metric,
                                    .metric_threshold = options_.metric_threshold,
                                    .exclude_demos = options_.exclude_demos});
    search.report().details["examples"] = all.examples;
    if (all.rows.empty()) {
      throw Error(Errc::bad_input,
                  "there is nothing to train on: the program answered none of the training examples well enough; use a "
                  "better teacher, or lower `metric_threshold`");
    }
    std::map<std::string, FinetuneData> parts;
    for (const auto& row : all.rows)
      parts[options_.multitask ? std::string(everyone) : row.predictor].rows.push_back(row);
    std::error_code code;
    fs::create_directories(options_.folder, code);
    std::map<std::string, std::shared_ptr<LM>> models;
    std::string origins;  // equal paths may hold other weights tomorrow
    auto& told = search.report().details["weights"].emplace_object();
    for (const auto& [name, part] : parts) {
      search.tell(
          {.kind = Event::Kind::note, .text = std::format("training {} on {} conversations", name, part.rows.size())});
      const auto made = Trained(options_, name).make(part, training.search.stop);
      if (made.is_known) search.note(std::format("the weights `{}` were there already", made.weights.string()));
      told[name] = made.weights.string();
      origins += made.origin;
      if (options_.open) models[name] = options_.open(name, made.weights);
    }
    if (!options_.open) return search.choose(before);
    auto program = options_.exclude_demos ? without_demos(student) : student;
    program.for_each_predictor([&](const std::string& path, Predictor& predictor) {
      const auto at = models.find(options_.multitask ? std::string(everyone) : path);
      if (at != models.end()) predictor.set_lm(at->second);
    });
    const auto after = search.add(std::move(program), "trained weights", {before}, sha256(origins));
    if (!has_metric || training.valset.empty()) return search.choose(after);
    search.evaluate(before, training.valset);
    search.evaluate(after, training.valset);
  });
}

}  // namespace dspy
