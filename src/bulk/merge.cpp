#include "dspy/bulk/merge.hpp"

#include "bulk/manifest.hpp"
#include "bulk/merged_file.hpp"
#include "bulk/part_folder.hpp"
#include "bulk/progress_file.hpp"
#include "bulk/row_source.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/signature/signature.hpp"
#include "dspy/signature/type.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <fstream>
#include <ios>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy {
namespace {

constexpr std::size_t most_named = 8;

/// Where a row's line is.
struct Place {
  bulk::RowHead head = {};
  std::uint32_t file = 0;
  std::uint32_t size = 0;
  std::uint64_t offset = 0;
};

struct Places {
  std::vector<std::filesystem::path> files;
  std::vector<Place> rows;
};

/// Of several lines of one place, the last one counts.
template <class T, class PlaceOf>
void keep_last(std::vector<T>& rows, PlaceOf place_of) {
  std::ranges::stable_sort(rows, {}, place_of);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i + 1 < rows.size() && place_of(rows[i + 1]) == place_of(rows[i])) continue;
    rows[kept++] = rows[i];
  }
  rows.resize(kept);
}

/// Of each row the last line, in the order of the inputs.
Places find_rows(const std::filesystem::path& run, std::size_t shards) {
  Places out;
  for (std::size_t shard = 0; shard < shards; ++shard) {
    for (const auto& part : bulk::part_files(bulk::shard_folder(run, shard))) {
      const auto file = static_cast<std::uint32_t>(out.files.size());
      std::uint64_t offset = 0;
      bulk::each_line(part, [&](std::string_view line) {
        const auto head = bulk::row_head(line);
        if (!head)
          throw Error(Errc::io_error, std::format("`{}` is damaged at byte {}; restore it", part.string(), offset));
        out.rows.push_back(
            {.head = *head, .file = file, .size = static_cast<std::uint32_t>(line.size()), .offset = offset});
        offset += line.size() + 1;
      });
      out.files.push_back(part);
    }
  }
  keep_last(out.rows, [](const Place& place) { return place.head.at; });
  return out;
}

/// The rows of a shard whose process may write on meanwhile.
void count_rows(const std::filesystem::path& folder, ShardStatus& status) {
  std::vector<bulk::RowHead> rows;
  for (const auto& part : bulk::part_files(folder)) {
    const bool is_open = part.filename() == "open.jsonl";
    std::uint64_t number = 0;
    const auto take = [&](std::string_view line) {
      ++number;
      if (const auto head = bulk::row_head(line)) {
        rows.push_back(*head);
      } else if (!is_open) {  // of one that is being written, the end is asked again
        throw Error(Errc::io_error,
                    std::format("`{}` is damaged: its row {} cannot be read; restore it", part.string(), number));
      }
    };
    std::error_code code;
    if (is_open && !std::filesystem::exists(part, code)) continue;  // it was full, and has got its name meanwhile
    bulk::each_line(part, take);
  }
  keep_last(rows, [](const bulk::RowHead& head) { return head.at; });
  const auto count = [&](bulk::RowState state) {
    return static_cast<std::uint64_t>(std::ranges::count(rows, state, &bulk::RowHead::state));
  };
  status.rows = rows.size();
  status.failed = count(bulk::RowState::failed);
  status.again = count(bulk::RowState::again);
}

/// Throws for a run that is not complete; returns how many rows a merge of what there is lacks.
std::uint64_t lost_rows(const std::filesystem::path& run, bool is_partial) {
  std::vector<std::string> open;
  std::uint64_t lost = 0;
  for (const auto& shard : bulk_status(run)) {
    if (shard.state == "damaged") {
      open.push_back(std::format("{} (damaged: {} of its {} rows are there)", shard.index, shard.rows, shard.expected));
      lost += shard.expected - shard.rows;
    } else if (shard.state != "complete") {
      open.push_back(std::format("{} ({})", shard.index, shard.state));
    }
  }
  if (open.empty() || is_partial) return lost;
  const auto more = open.size() > most_named ? std::format(" and {} more", open.size() - most_named) : std::string();
  open.resize(std::min(open.size(), most_named));
  throw Error(Errc::config_error,
              std::format("the run `{}` is not complete: shards {}{}; run them with --resume, or merge what there is "
                          "with --partial",
                          run.string(), text::enumerate(open, "", "and"), more));
}

/// Lines of parts, whichever is asked for; the files stay open while they are few.
class Lines {
 public:
  explicit Lines(std::vector<std::filesystem::path> files) : paths_(std::move(files)), files_(paths_.size()) {}

  std::string_view read(const Place& place) {
    auto& file = files_[place.file];
    if (!file.is_open()) {
      if (++open_ > most_open) {
        for (auto& each : files_) each.close();
        open_ = 1;
      }
      file.open(paths_[place.file], std::ios::binary);
    }
    line_.resize(place.size);
    file.seekg(static_cast<std::streamoff>(place.offset));
    if (!file.read(line_.data(), static_cast<std::streamsize>(place.size)))
      throw Error(Errc::io_error, std::format("cannot read `{}`; check the disk", paths_[place.file].string()));
    return line_;
  }

 private:
  static constexpr std::size_t most_open = 256;

  std::vector<std::filesystem::path> paths_;
  std::vector<std::ifstream> files_;
  std::size_t open_ = 0;
  std::string line_;
};

/// Whether `path` lies in a folder, or in one below it.
bool is_within(const std::filesystem::path& path, const std::filesystem::path& folder) {
  return std::ranges::mismatch(folder, path).in1 == folder.end();
}

/// Throws for a `to` that would take the place of the inputs, or of a file of the run.
void refuse_own_files(const std::filesystem::path& run, const std::filesystem::path& to, const bulk::Manifest& manifest,
                      const std::filesystem::path& inputs) {
  std::error_code code;
  const auto folder = std::filesystem::weakly_canonical(run, code);
  const auto target = std::filesystem::weakly_canonical(std::filesystem::absolute(to, code), code);
  const auto below = target.lexically_relative(folder);
  const auto first = below.empty() ? std::string() : below.begin()->string();
  if (is_within(target, folder) && (first.starts_with("shard-") || first == "batch" || first == "manifest.json"))
    throw Error(Errc::bad_input,
                std::format("`{}` is among the run's own files; name another file with --to", to.string()));
  if (!std::filesystem::is_regular_file(to, code)) return;
  // The inputs by another name, or by their own from another folder, have their content.
  bool is_input =
      std::filesystem::equivalent(to, inputs, code) || std::filesystem::equivalent(to, manifest.inputs, code);
  if (!is_input && std::filesystem::file_size(to, code) == manifest.bytes && manifest.bytes != 0) {
    bulk::Manifest found;
    bulk::describe_inputs(found, to);
    is_input = found.digest == manifest.digest;
  }
  if (is_input)
    throw Error(Errc::bad_input,
                std::format("`{}` is the file of the run's inputs; name another file with --to", to.string()));
}

/// The types that cells of CSV had when the run was made; null if that is not known.
std::unique_ptr<Signature> inputs_of(const bulk::Manifest& manifest) {
  if (manifest.input_types.size() != manifest.input_fields.size()) return nullptr;
  auto out = std::make_unique<Signature>();
  try {
    for (std::size_t i = 0; i < manifest.input_types.size(); ++i)
      out->inputs.push_back({.name = manifest.input_fields[i], .type = Type::parse(manifest.input_types[i])});
  } catch (const Error&) {
    return nullptr;
  }
  return out;
}

bool is_held(const std::filesystem::path& folder) {
  const int file = ::open((folder / "lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool out = ::flock(file, LOCK_SH | LOCK_NB) != 0;
  ::close(file);
  return out;
}

[[noreturn]] void inputs_changed(const std::filesystem::path& inputs, std::uint64_t at) {
  throw Error(Errc::config_error, std::format("the inputs `{}` are not those of the run: the row at {} differs; "
                                              "restore them, or merge without them",
                                              inputs.string(), at));
}

}  // namespace

MergeReport merge_bulk(const std::filesystem::path& run, const std::filesystem::path& to, const MergeOptions& options) {
  const auto manifest = bulk::read_manifest(run);
  const auto inputs = options.inputs.empty() ? std::filesystem::path(manifest.inputs) : options.inputs;
  refuse_own_files(run, to, manifest, inputs);
  MergeReport report{.missing = lost_rows(run, options.partial)};
  auto columns = manifest.output_fields;
  if (options.with_inputs) columns.insert(columns.begin(), manifest.input_fields.begin(), manifest.input_fields.end());
  bulk::MergedFile out(to, std::move(columns));
  auto places = find_rows(run, manifest.shards);
  Lines lines(std::move(places.files));
  std::unique_ptr<bulk::RowSource> source;
  const auto signature = inputs_of(manifest);
  if (options.with_inputs) {
    source = bulk::open_rows(inputs, signature.get(), {}, {});
    report.missing = 0;
  }
  const bool has_sums = signature != nullptr || text::to_lower(inputs.extension().string()) != ".csv";
  bulk::InputRow input;
  for (const auto& place : places.rows) {
    std::string_view rest;
    const auto head = bulk::row_head(lines.read(place), &rest);
    if (!head)
      throw Error(Errc::io_error, std::format("the run `{}` changed while it was read; merge again", run.string()));
    if (source != nullptr) {
      do {
        if (!source->next(input)) inputs_changed(inputs, head->at);
        if (input.at < head->at) ++report.missing;
      } while (input.at < head->at);
      if (input.at != head->at || (has_sums && bulk::sum_of(input) != head->sum)) inputs_changed(inputs, head->at);
    }
    out.add(head->at, rest, source != nullptr ? &input : nullptr);
    ++report.rows;
    if (head->state != bulk::RowState::done) ++report.failed;
  }
  while (source != nullptr && source->next(input)) ++report.missing;
  out.finish();
  return report;
}

std::vector<ShardStatus> bulk_status(const std::filesystem::path& run) {
  const auto manifest = bulk::read_manifest(run);
  std::vector<ShardStatus> out;
  for (std::size_t i = 0; i < manifest.shards; ++i) {
    const auto folder = bulk::shard_folder(run, i);
    const auto found = bulk::read_progress(folder);
    ShardStatus status{.index = i, .state = "absent"};
    count_rows(folder, status);
    if (found) {
      status.progress = found->progress;
      status.updated = found->updated;
      status.state = to_string(found->state);
      if (found->state == bulk::ShardState::running && !is_held(folder)) status.state = "lost";
      if (found->state == bulk::ShardState::complete) {
        status.expected = found->progress.rows + found->progress.resumed;
        if (status.rows < status.expected) status.state = "damaged";
      }
    } else if (status.rows != 0) {
      status.state = is_held(folder) ? "running" : "lost";
    }
    out.push_back(std::move(status));
  }
  return out;
}

}  // namespace dspy
