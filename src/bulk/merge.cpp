#include "dspy/bulk/merge.hpp"

#include "bulk/manifest.hpp"
#include "bulk/merged_file.hpp"
#include "bulk/part_folder.hpp"
#include "bulk/progress_file.hpp"
#include "bulk/row_source.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

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
  const auto by_place = [](const Place& place) { return place.head.at; };
  std::ranges::stable_sort(out.rows, {}, by_place);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < out.rows.size(); ++i) {
    if (i + 1 < out.rows.size() && out.rows[i + 1].head.at == out.rows[i].head.at) continue;
    out.rows[kept++] = out.rows[i];
  }
  out.rows.resize(kept);
  return out;
}

void require_complete(const std::filesystem::path& run) {
  std::vector<std::string> open;
  for (const auto& shard : bulk_status(run)) {
    if (shard.state != "complete") open.push_back(std::format("{} ({})", shard.index, shard.state));
  }
  if (open.empty()) return;
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
  if (!options.partial) require_complete(run);
  auto columns = manifest.output_fields;
  if (options.with_inputs) columns.insert(columns.begin(), manifest.input_fields.begin(), manifest.input_fields.end());
  bulk::MergedFile out(to, std::move(columns));
  auto places = find_rows(run, manifest.shards);
  Lines lines(std::move(places.files));
  std::unique_ptr<bulk::RowSource> source;
  const auto inputs = options.inputs.empty() ? std::filesystem::path(manifest.inputs) : options.inputs;
  if (options.with_inputs) source = bulk::open_rows(inputs, nullptr, {}, {});
  MergeReport report;
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
      // Cells of CSV have their types by the program's signature, which is not here: their texts cannot be compared.
      if (input.at != head->at || (inputs.extension() != ".csv" && bulk::sum_of(input) != head->sum))
        inputs_changed(inputs, head->at);
    }
    out.add(rest, source != nullptr ? &input : nullptr);
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
    if (found) {
      status.progress = found->progress;
      status.updated = found->updated;
      status.state = to_string(found->state);
      if (found->state == bulk::ShardState::running && !is_held(folder)) status.state = "lost";
    }
    out.push_back(std::move(status));
  }
  return out;
}

}  // namespace dspy
