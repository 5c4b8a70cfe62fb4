#pragma once

#include "dspy/modules/predictor.hpp"
#include "dspy/modules/traversal.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Programs in files: what Python DSPy's `load` reads and its `save` writes, and under one more
// key what DSPy leaves out.  docs/formats/program.md describes the format.  Loading sets
// instructions, demonstrations and the like on predictors that the program has; it never makes
// or runs code.

namespace dspy {

/// What Python DSPy stores for a field.  It does not name fields: they are listed by position, inputs first.
struct SavedField {
  std::string prefix = {};
  std::string description = {};  ///< `${name}` where there is none.
  JsonObject kept = {};          ///< Unknown members, written again as they were.
  JsonObject own_kept = {};      ///< The same of this library's entry for the field.

  bool operator==(const SavedField&) const = default;
};

/// A validator's name.  Its function is code, and in no file.
struct SavedValidator {
  std::string field = {};  ///< `lines.price`, the members that lead to it; empty if it checks all outputs together.
  std::string name = {};

  bool operator==(const SavedValidator&) const = default;
};

/// What a predictor does by functions: the file names them, and the program must have them.
struct SavedFunctions {
  std::vector<SavedValidator> validators = {};
  std::vector<Field> computed = {};

  bool is_empty() const noexcept { return validators.empty() && computed.empty(); }
  bool operator==(const SavedFunctions&) const = default;
};

/// One predictor of a program file.
struct SavedPredictor {
  std::string path = "self";  ///< As `named_predictors` and DSPy call it: `self`, `query`, `answer.predict`.
  Signature signature = {};   ///< From a file that Python wrote: the instructions, without fields.
  std::vector<SavedField> fields = {};
  std::vector<JsonObject> demos = {};
  std::string adapter = {};  ///< Empty: not recorded.
  std::string lm = {};       ///< The model used when it was saved: for information, never loaded.
  Sampling sampling = {};
  std::optional<SavedFunctions> functions = {};  ///< Nothing in files of Python, and in those of older versions.
  JsonObject kept = {};            ///< Members of DSPy's state that mean nothing here; written again as they were.
  JsonObject signature_kept = {};  ///< The same of its `signature`,
  JsonObject own_kept = {};        ///< and of this library's part.

  /// False for a file that Python wrote: it needs a signature to be used.
  bool names_its_fields() const noexcept { return !signature.outputs.empty(); }

  bool operator==(const SavedPredictor&) const = default;
};

/// A figure that the program reached when it was saved.
struct SavedScore {
  std::string metric = {};
  double value = 0;
  std::optional<std::uint64_t> examples = {};  ///< How many it was measured on.
  std::string dataset = {};
  JsonObject kept = {};  ///< Unknown members.

  bool operator==(const SavedScore&) const = default;
};

/// A program as it lies in a file.
struct ProgramFile {
  /// What became of the content hash when the file was read.
  enum class Integrity {
    unchecked,  ///< There is none: Python wrote the file, or nothing was read.
    verified,
    changed,  ///< It did not match, and the caller had said that this is fine.
  };

  std::vector<SavedPredictor> predictors = {};
  JsonObject optimizer = {};  ///< Its name and options, as it recorded them; empty if none ran.
  std::vector<SavedScore> scores = {};
  std::string library = {};  ///< The version of this library that wrote the file.
  Integrity integrity = Integrity::unchecked;
  JsonObject kept = {};      ///< Unknown members of the file, such as the state of modules that are not predictors.
  JsonObject own_kept = {};  ///< Unknown members of this library's own part.

  /// The predictor of that path, or null.
  const SavedPredictor* find(std::string_view path) const noexcept;

  bool operator==(const ProgramFile&) const = default;
};

struct LoadOptions {
  /// Loads a file whose content is not what its hash says, such as one edited by hand.
  bool accept_changed = false;
  /// Loads a file into a program whose validators or computed fields are not those that it names.
  bool accept_other_functions = false;
  std::uintmax_t max_bytes = std::uintmax_t{256} << 20;
};

/// Reads the text of a program file.  Throws `Error` (`config_error`), which begins with
/// `source` and names what is wrong and where: no JSON, a repeated member, a newer format, a
/// changed hash, a member of the wrong kind.
ProgramFile read_program(std::string_view text, const LoadOptions& options = {}, std::string_view source = "program");

/// The same from a file; also throws `Error` (`io_error`).
ProgramFile load_program(const std::filesystem::path& path, const LoadOptions& options = {});

/// The text of the file: JSON with DSPy's layout, a content hash in it and a line end behind it.
std::string to_text(const ProgramFile& program);

/// Writes the file whole or not at all.  Throws `Error` (`io_error`).
void save_program(const std::filesystem::path& path, const ProgramFile& program);

/// How the fields in the file differ from `declared`, a sentence each; empty if they fit.  Of
/// a file that Python wrote, what it does hold is compared: count, prefixes and descriptions.
std::vector<std::string> differences(const SavedPredictor& saved, const Signature& declared);

/// The names of the functions that a signature has: validators of fields, of their members and of
/// the whole, and what is computed.
SavedFunctions functions_of(const Signature& signature);

/// Which functions only the file names, and which only `declared` has, a sentence each; empty if
/// the file does not say.
std::vector<std::string> function_differences(const SavedPredictor& saved, const Signature& declared);

/// The signature that a predictor declared as `declared` has after loading: its fields, with
/// instructions, descriptions and labels from the file.  Throws `Error` (`config_error`) that
/// lists the `differences` if there are any.
Signature merged_signature(const SavedPredictor& saved, const Signature& declared);

/// A predictor that does what the file says, with `options.lm` or the default LM.  Throws
/// `Error` (`config_error`) if the file does not name its fields and no signature is given; the
/// `reasoning` of a `ChainOfThought` may be left out of that.  It has the functions of that
/// signature, or none: `saved.functions` names those it had.
Predictor to_predictor(const SavedPredictor& saved, PredictorOptions options = {},
                       const std::optional<Signature>& signature = {});

/// What is to be saved of a predictor, over what was known of it from an earlier file.
SavedPredictor to_saved(const std::string& path, const Predictor& predictor, SavedPredictor known = {});

namespace detail {
using NamedPredictors = std::vector<std::pair<std::string, Predictor*>>;
/// All or nothing: throws before the first predictor is changed.
void apply(const ProgramFile& file, const NamedPredictors& predictors, const LoadOptions& options);
}  // namespace detail

/// `program` as a file.  What `known` says and the program has no place for (scores, unknown
/// members) stays.
template <class Program>
ProgramFile to_program_file(const Program& program, ProgramFile known = {}) {
  std::vector<SavedPredictor> predictors;
  for_each_predictor(program, [&](const std::string& path, const Predictor& predictor) {
    const auto* before = known.find(path);
    predictors.push_back(to_saved(path, predictor, before != nullptr ? *before : SavedPredictor()));
  });
  known.predictors = std::move(predictors);
  return known;
}

/// Sets on `program` what the file says: instructions, descriptions, demonstrations, adapter and
/// sampling of each of its predictors.  Throws `Error` (`config_error`) that names every predictor
/// field and function that differs; then nothing was changed.
template <class Program>
void apply(const ProgramFile& file, Program& program, const LoadOptions& options = {}) {
  detail::apply(file, named_predictors(program), options);
}

/// Saves `program`; `dspy::load` and Python DSPy's `load` read it.
///
///     dspy::save(program, "support.json");
///
/// What is known beside the program itself, such as scores, goes into `known`.
template <class Program>
void save(const Program& program, const std::filesystem::path& path, ProgramFile known = {}) {
  save_program(path, to_program_file(program, std::move(known)));
}

/// Loads a file into a program of the same predictors and fields; returns what else it said.
template <class Program>
ProgramFile load(Program& program, const std::filesystem::path& path, const LoadOptions& options = {}) {
  auto file = load_program(path, options);
  apply(file, program, options);
  return file;
}

}  // namespace dspy
