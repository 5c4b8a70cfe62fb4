#include "bulk/manifest.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/base/text.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <format>
#include <fstream>
#include <ios>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace dspy::bulk {
namespace {

constexpr std::int64_t version = 1;
constexpr std::uint64_t sample_bytes = std::uint64_t{64} << 10, samples = 64;
constexpr std::uintmax_t longest = std::uintmax_t{1} << 20;
constexpr std::string_view marker = "dspy_bulk";

JsonArray names_to_json(const std::vector<std::string>& names) {
  JsonArray out;
  for (const auto& name : names) out.emplace_back(name);
  return out;
}

JsonObject to_json(const Manifest& manifest) {
  return {{marker, version},
          {"program", manifest.program},
          {"inputs", manifest.inputs},
          {"bytes", manifest.bytes},
          {"digest", manifest.digest},
          {"shards", manifest.shards},
          {"rule", manifest.rule},
          {"input_fields", names_to_json(manifest.input_fields)},
          {"input_types", names_to_json(manifest.input_types)},
          {"output_fields", names_to_json(manifest.output_fields)}};
}

/// The members that differ, for people.  Where a file lies may change.
std::string differences(const Manifest& a, const Manifest& b) {
  std::vector<std::string> out;
  if (a.program != b.program) out.emplace_back("the program, its model or its options");
  if (a.bytes != b.bytes || a.digest != b.digest) out.emplace_back("the inputs");
  if (a.shards != b.shards) out.push_back(std::format("the number of shards ({} there, {} here)", a.shards, b.shards));
  if (a.rule != b.rule) out.push_back(std::format("the rule that divides rows (`{}` there)", a.rule));
  if (a.input_fields != b.input_fields || a.output_fields != b.output_fields) out.emplace_back("the fields");
  return text::enumerate(out, "", "and");
}

std::string text_member(const JsonObject& from, std::string_view name) {
  const auto* const value = from.if_contains(name);
  if (value == nullptr || !value->is_string()) throw Error(Errc::config_error, std::format("`{}` is missing", name));
  return std::string(view(value->get_string()));
}

std::uint64_t number_member(const JsonObject& from, std::string_view name) {
  const auto* const value = from.if_contains(name);
  if (value == nullptr || !value->is_int64() || value->get_int64() < 0)
    throw Error(Errc::config_error, std::format("`{}` is missing or no number", name));
  return static_cast<std::uint64_t>(value->get_int64());
}

std::vector<std::string> names_member(const JsonObject& from, std::string_view name) {
  std::vector<std::string> out;
  const auto* const value = from.if_contains(name);
  if (value == nullptr || !value->is_array()) throw Error(Errc::config_error, std::format("`{}` is missing", name));
  for (const auto& each : value->get_array()) {
    if (!each.is_string()) throw Error(Errc::config_error, std::format("`{}` holds what is not a name", name));
    out.emplace_back(view(each.get_string()));
  }
  return out;
}

Manifest manifest_from_json(const JsonObject& from) {
  if (number_member(from, marker) != version)
    throw Error(Errc::config_error, "it was written by a newer version of this library");
  return {.program = text_member(from, "program"),
          .inputs = text_member(from, "inputs"),
          .bytes = number_member(from, "bytes"),
          .digest = text_member(from, "digest"),
          .shards = number_member(from, "shards"),
          .rule = text_member(from, "rule"),
          .input_fields = names_member(from, "input_fields"),
          .input_types = from.contains("input_types") ? names_member(from, "input_types") : std::vector<std::string>(),
          .output_fields = names_member(from, "output_fields")};
}

}  // namespace

void describe_inputs(Manifest& manifest, const std::filesystem::path& inputs) {
  std::error_code code;
  manifest.bytes = std::filesystem::file_size(inputs, code);
  std::ifstream in(inputs, std::ios::binary);
  if (code || !in)
    throw Error(Errc::io_error, std::format("cannot read the inputs `{}`; check the path", inputs.string()));
  std::string sample;
  const auto whole = sample_bytes * samples;
  const auto step = manifest.bytes <= whole ? sample_bytes : (manifest.bytes - sample_bytes) / (samples - 1);
  for (std::uint64_t at = 0, i = 0; at < manifest.bytes && i < samples; at += step, ++i) {
    const auto size = std::min(sample_bytes, manifest.bytes - at);
    const auto before = sample.size();
    sample.resize(before + size);
    in.seekg(static_cast<std::streamoff>(at));
    if (!in.read(sample.data() + before, static_cast<std::streamsize>(size)))
      throw Error(Errc::io_error, std::format("cannot read all of `{}`; check the disk", inputs.string()));
  }
  manifest.digest = sha256(sample);
  manifest.inputs = inputs.string();
}

void claim(const std::filesystem::path& folder, const Manifest& manifest) {
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  if (code) throw Error(Errc::io_error, std::format("cannot make `{}`: {}", folder.string(), code.message()));
  const auto path = folder / "manifest.json";
  if (!std::filesystem::exists(path, code)) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const auto name = entry.path().filename().string();
      if (!name.starts_with(".manifest-") && name != "batch")
        throw Error(Errc::config_error,
                    std::format("`{}` holds `{}` and is not a run's folder; name another, or an empty one",
                                folder.string(), name));
    }
    // Atomically, and by only one of those that start at the same time: the link is created only if there is none.
    const auto draft = folder / std::format(".manifest-{:08x}{:08x}", std::random_device{}(), std::random_device{}());
    std::ofstream(draft, std::ios::binary) << to_pretty_text(to_json(manifest)) << '\n';
    const bool is_ours = ::link(draft.c_str(), path.c_str()) == 0;
    const int problem = errno;
    std::filesystem::remove(draft, code);
    if (!is_ours && problem != EEXIST)
      throw Error(Errc::io_error, std::format("cannot write `{}`: {}; the file system must know hard links",
                                              path.string(), std::generic_category().message(problem)));
  }
  const auto there = read_manifest(folder);
  if (const auto what = differences(there, manifest); !what.empty())
    throw Error(Errc::config_error,
                std::format("`{}` is the folder of another run, which differs in {}; name another folder",
                            folder.string(), what));
}

Manifest read_manifest(const std::filesystem::path& folder) {
  const auto path = folder / "manifest.json";
  std::error_code code;
  if (!std::filesystem::exists(path, code))
    throw Error(Errc::config_error, std::format("`{}` is not a folder of a bulk run: it has no manifest.json; name the "
                                                "folder that was given to --out",
                                                folder.string()));
  const auto json = parse_json(read_text(path, longest));
  if (!json || !json->is_object())
    throw Error(Errc::config_error, std::format("`{}` is not a JSON object; restore it", path.string()));
  try {
    return manifest_from_json(json->get_object());
  } catch (const Error& error) {
    throw Error(Errc::config_error, std::format("`{}` cannot be used: {}", path.string(), error.what()));
  }
}

}  // namespace dspy::bulk
