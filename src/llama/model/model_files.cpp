#include "llama/model/model_files.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <cstdlib>
#include <format>
#include <set>

namespace dspy::llama {
namespace {

namespace fs = std::filesystem;

constexpr int deepest = 3;

bool is_gguf(const fs::path& path) {
  return text::equals_ignoring_case(path.extension().string(), ".gguf");
}

/// `x-00002-of-00005.gguf` belongs to `x-00001-of-00005.gguf`.
bool is_later_part(std::string_view stem) {
  if (stem.size() < 15) return false;
  const auto mark = stem.substr(stem.size() - 15);
  return mark.starts_with('-') && mark.substr(6, 4) == "-of-" && mark.substr(1, 5) != "00001";
}

std::string name_below(const fs::path& path, const fs::path& directory) {
  auto name = path.lexically_relative(directory);
  return name.replace_extension().generic_string();
}

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

/// Whether a name is that of the image or audio part of a model.
bool is_senses_part(const fs::path& path) {
  return text::to_lower(path.filename().string()).contains("mmproj");
}

/// Where `dspy models pull` puts models, unless it is told another folder.
fs::path data_folder() {
  if (const char* const data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data == '/')
    return fs::path(data) / "dspy" / "models";
  const char* const home = std::getenv("HOME");
  return home == nullptr || *home == '\0' ? fs::path() : fs::path(home) / ".local" / "share" / "dspy" / "models";
}

/// The one model in a folder; empty if there is none, or several.
fs::path only_model(const fs::path& folder) {
  fs::path found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto& path = entry.path();
    if (!is_gguf(path) || is_later_part(path.stem().string()) || is_senses_part(path) || !is_file(path)) continue;
    if (!found.empty()) return {};
    found = path;
  }
  return found;
}

/// The folder's name where that is enough, as after `dspy models pull`.
std::string name_to_use(const fs::path& path, const fs::path& directory, std::span<const fs::path> directories) {
  const auto folder = path.parent_path();
  if (folder != directory && only_model(folder) == path) {
    auto name = folder.lexically_relative(directory).generic_string();
    if (find_model(name, directories) == path) return name;
  }
  return name_below(path, directory);
}

[[noreturn]] void not_found(std::string_view name, std::span<const fs::path> directories) {
  std::vector<std::string> names;
  for (auto& file : model_files(directories)) names.push_back(std::move(file.name));
  std::vector<std::string> places;
  std::error_code error;
  for (const auto& directory : directories)  // the one of `dspy models pull` need not be there
    if (directory != data_folder() || fs::is_directory(directory, error)) places.push_back(directory.string());

  auto message = fs::path(name).is_absolute() ? std::format("there is no model file `{}`", name)
                                              : std::format("no model `{}` was found, either as a file or in {}", name,
                                                            text::enumerate(places, "`"));
  auto stem = fs::path(name).filename();
  if (is_gguf(stem)) stem.replace_extension();
  if (const auto near = text::nearest(stem.string(), names)) message += std::format("; did you mean `{}`?", *near);
  constexpr std::size_t shown = 12;
  if (names.empty()) {
    message +=
        "; those folders hold no GGUF file (fetch one with `dspy models pull`, set DSPY_MODELS to the folder that has "
        "one, or give a path)";
  } else {
    const auto count = names.size();
    names.resize(std::min(count, shown));
    message +=
        std::format("; there is {}{}", text::enumerate(names, "`", "and"), count > shown ? ", among others" : "");
  }
  throw Error(Errc::model_not_found, message, {.model = std::string(name)});
}

}  // namespace

std::vector<fs::path> model_directories(std::span<const fs::path> given) {
  std::vector<fs::path> directories;
  const auto add = [&](const fs::path& path) {
    const auto normal = path.lexically_normal();
    if (!normal.empty() && std::ranges::find(directories, normal) == directories.end()) directories.push_back(normal);
  };
  for (const auto& path : given) add(path);
  if (const char* variable = std::getenv("DSPY_MODELS")) {
    std::string_view rest = variable;
    while (!rest.empty()) {
      const auto end = std::min(rest.find(':'), rest.size());
      add(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  add("models");
  add(data_folder());
  return directories;
}

std::vector<FoundFile> model_files(std::span<const fs::path> directories) {
  std::vector<FoundFile> files;
  std::set<std::string> names;
  for (const auto& directory : directories) {
    std::error_code error;
    fs::recursive_directory_iterator walk(directory, fs::directory_options::skip_permission_denied, error);
    for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
      if (walk.depth() >= deepest) walk.disable_recursion_pending();
      const auto& path = walk->path();
      if (!is_gguf(path) || is_later_part(path.stem().string()) || is_senses_part(path) || !is_file(path)) continue;
      auto name = name_to_use(path, directory, directories);
      if (names.insert(name).second) files.push_back({std::move(name), path, model_bytes(path)});
    }
  }
  std::ranges::sort(files, {}, &FoundFile::name);
  return files;
}

fs::path find_model(std::string_view name_or_path, std::span<const fs::path> directories) {
  fs::path asked(name_or_path);
  if (name_or_path.empty())
    throw Error(Errc::model_not_found, "no model is named; give a name or the path of a GGUF file");
  if (is_file(asked)) return asked;
  if (!asked.is_absolute()) {
    for (const auto& directory : directories) {
      // A path such as models/x.gguf that another folder's program wrote still names x.gguf.
      for (const auto& inside : {asked, asked.filename()}) {
        if (is_file(directory / inside)) return directory / inside;
        if (const auto with_suffix = directory / (inside.string() + ".gguf"); is_file(with_suffix)) return with_suffix;
        const bool is_name = inside.has_filename() && inside.filename() != "." && inside.filename() != "..";
        if (auto only = is_name ? only_model(directory / inside) : fs::path(); !only.empty()) return only;
      }
    }
    for (auto& file : model_files(directories)) {
      if (file.path.stem() == asked) return file.path;
    }
  }
  not_found(name_or_path, directories);
}

std::uint64_t model_bytes(const fs::path& file) {
  std::error_code error;
  const auto size_of = [&](const fs::path& path) {
    const auto size = fs::file_size(path, error);
    return error ? 0 : size;
  };
  auto bytes = size_of(file);
  const auto stem = file.stem().string();
  constexpr std::string_view first = "-00001-of-";
  const auto mark = stem.rfind(first);
  if (mark == stem.npos || mark + first.size() + 5 != stem.size()) return bytes;
  const int parts = std::atoi(stem.c_str() + mark + first.size());
  for (int part = 2; part <= parts; ++part) {
    bytes += size_of(file.parent_path() /
                     std::format("{}-{:05}-of-{:05}{}", stem.substr(0, mark), part, parts, file.extension().string()));
  }
  return bytes;
}

}  // namespace dspy::llama
