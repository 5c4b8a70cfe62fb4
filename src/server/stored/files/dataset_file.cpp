#include "server/stored/files/dataset_file.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/server/iso_time.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "dspy/server/routes.hpp"
#include "server/stored/files/file_lock.hpp"
#include "server/stored/stored.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <format>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

constexpr std::uintmax_t most_bytes = std::uintmax_t{1} << 30;

/// Some editors begin a file with U+FEFF.
std::string_view without_mark(std::string_view text) {
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  return text.starts_with(mark) ? text.substr(mark.size()) : text;
}

std::vector<JsonObject> parse_lines(std::string_view text, std::string_view what) {
  std::vector<JsonObject> out;
  std::size_t number = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto json = parse_json(line);
    if (!json || !json->is_object())
      throw Error(Errc::bad_input, std::format("line {} of {} is not a JSON object", number, what));
    out.push_back(std::move(json->get_object()));
  }
  return out;
}

void append_line(const std::filesystem::path& path, const JsonObject& line) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const auto text = to_text(line) + "\n";
  const bool is_written = file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const auto reason = is_written ? 0 : errno;
  if (file >= 0) ::close(file);
  if (!is_written)
    throw Error(Errc::io_error, std::format("the journal `{}` cannot be written: {}; the dataset is unchanged",
                                            path.filename().string(), std::strerror(reason)));
}

JsonObject& row_at(std::vector<JsonObject>& rows, std::size_t at) {
  if (at < rows.size()) return rows[at];
  throw Error(Errc::bad_input,
              std::format("there is no row {}; the dataset has {} rows, counted from 0", at, rows.size()));
}

}  // namespace

DatasetFile::DatasetFile(const Workspace& workspace, const std::string& tenant, const std::string& name)
    : name_(name),
      path_(workspace.path(tenant, "datasets", name, ".jsonl")),
      journal_(workspace.path(tenant, "datasets", name, ".edits")),
      lock_(workspace.path(tenant, "datasets", name, ".lock")) {}

bool DatasetFile::exists() const {
  std::error_code code;
  return std::filesystem::is_regular_file(path_, code);
}

std::vector<JsonObject> DatasetFile::rows() const {
  if (!exists()) throw not_there("datasets", name_);
  const auto text = read_text(path_, most_bytes);
  return parse_lines(without_mark(text), std::format("the dataset `{}`", name_));
}

void DatasetFile::change(bool may_begin, const std::function<JsonObject(std::vector<JsonObject>& rows)>& work,
                         const std::string& who) {
  std::filesystem::create_directories(path_.parent_path());
  const FileLock lock(lock_);
  auto all = may_begin && !exists() ? std::vector<JsonObject>() : rows();
  auto told = work(all);
  told["at"] = iso_time(std::chrono::system_clock::now());
  if (!who.empty()) told["key"] = who;
  std::string text;
  for (const auto& row : all) {
    append_text(text, Json(row));
    text += '\n';
  }
  // First what is to be done, so that nothing is done that the journal does not know.
  append_line(journal_, told);
  replace_file(path_, text);
}

std::size_t DatasetFile::add(JsonObject row, const std::string& who) {
  std::size_t place = 0;
  change(
      true,
      [&](std::vector<JsonObject>& rows) {
        place = rows.size();
        rows.push_back(row);
        return JsonObject{{"change", "add"}, {"row", place}, {"after", row}};
      },
      who);
  return place;
}

void DatasetFile::add(std::vector<JsonObject> more, const std::string& who) {
  change(
      true,
      [&](std::vector<JsonObject>& rows) {
        JsonObject told{{"change", "import"}, {"row", rows.size()}, {"count", more.size()}};
        std::ranges::move(more, std::back_inserter(rows));
        return told;
      },
      who);
}

void DatasetFile::edit(std::size_t row, const JsonObject& values, const JsonObject* expected, const std::string& who) {
  change(
      false,
      [&](std::vector<JsonObject>& rows) {
        auto& at = row_at(rows, row);
        if (expected != nullptr && at != *expected)
          throw HttpError(409, Errc::bad_input,
                          std::format("row {} has been changed meanwhile; read it again, and then edit it", row));
        JsonObject told{{"change", "edit"}, {"row", row}, {"before", at}, {"after", values}};
        at = values;
        return told;
      },
      who);
}

void DatasetFile::set(std::size_t row, const std::string& field, const Json& value, const std::string& who) {
  change(
      false,
      [&](std::vector<JsonObject>& rows) {
        auto& at = row_at(rows, row);
        JsonObject told{{"change", "label"}, {"row", row}, {"before", at}};
        at[field] = value;
        told["after"] = at;
        return told;
      },
      who);
}

void DatasetFile::remove(std::size_t row, const std::string& who) {
  change(
      false,
      [&](std::vector<JsonObject>& rows) {
        JsonObject told{{"change", "remove"}, {"row", row}, {"before", row_at(rows, row)}};
        rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(row));
        return told;
      },
      who);
}

std::vector<JsonObject> parse_rows(std::string_view text, std::string_view format) {
  text = without_mark(text);
  if (format == "json") {
    const auto json = parse_json(text);
    if (!json || !json->is_array()) throw Error(Errc::bad_input, "the rows are not a JSON list of objects");
    std::vector<JsonObject> out;
    for (const auto& each : json->get_array()) {
      if (!each.is_object())
        throw Error(Errc::bad_input, std::format("row {} of the list is not an object", out.size()));
      out.push_back(each.get_object());
    }
    return out;
  }
  return parse_lines(text, "what is imported");
}

}  // namespace dspy::server
