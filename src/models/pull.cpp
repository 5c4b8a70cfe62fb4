#include "dspy/models/pull.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/text.hpp"
#include "dspy/http/curl_transport.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/models/catalogue.hpp"
#include "dspy/models/source.hpp"
#include "dspy/models/store.hpp"
#include "models/asking.hpp"
#include "models/fetch.hpp"
#include "models/files.hpp"
#include "models/hub.hpp"
#include "models/transfer.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace dspy::models {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name, std::string_view preset) {
  const char* const value = std::getenv(name);
  std::string out = value != nullptr && *value != '\0' ? value : std::string(preset);
  while (out.ends_with('/')) out.pop_back();
  return out;
}

/// The file of that name that was pulled before and is here as it was noted.
const KeptFile* kept_as(const std::string& name, const std::optional<KeptModel>& before) {
  if (!before) return nullptr;
  const auto found = std::ranges::find(before->files, name, &KeptFile::name);
  if (found == before->files.end()) return nullptr;
  std::error_code error;
  const auto bytes = fs::file_size(before->folder / name, error);
  return !error && bytes == found->bytes ? &*found : nullptr;
}

std::vector<FileChange> changes_of(const KeptModel& now, const std::optional<KeptModel>& before) {
  std::vector<FileChange> out;
  for (const auto& file : now.files) {
    const auto* old = static_cast<const KeptFile*>(nullptr);
    if (before) {
      const auto found = std::ranges::find(before->files, file.name, &KeptFile::name);
      if (found != before->files.end()) old = &*found;
    }
    if (old == nullptr)
      out.push_back({.name = file.name, .after = file});
    else if (old->sha256 != file.sha256)
      out.push_back({.name = file.name, .before = *old, .after = file});
  }
  if (!before) return out;
  for (const auto& old : before->files) {
    if (!std::ranges::contains(now.files, old.name, &KeptFile::name)) out.push_back({.name = old.name, .before = old});
  }
  return out;
}

/// As `parse_source` reads it today.
std::string canonical(const std::string& source) {
  const auto parsed = attempt([&] { return parse_source(source); });
  return parsed ? to_text(*parsed) : source;
}

std::string now_text() {
  return std::format("{:%FT%TZ}", std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
}

void apply_catalogue(Offer& offer, const CatalogueEntry& entry) {
  if (!entry.license.empty()) {
    offer.license = entry.license;
    offer.license_url.clear();
  }
  if (!entry.sha256.empty()) offer.files.front().sha256 = entry.sha256;
  if (entry.bytes) offer.files.front().bytes = entry.bytes;
}

const CatalogueEntry& entry_of(const std::string& name, const Catalogue& catalogue) {
  if (const auto* const entry = catalogue.find(name)) return *entry;
  std::vector<std::string> names;
  for (const auto& each : catalogue.entries()) names.push_back(each.name);
  const auto near = text::nearest(name, names);
  throw Error(Errc::model_not_found, std::format("the catalogue has no `{}`; {}", name,
                                                 near ? std::format("did you mean `{}`?", *near)
                                                      : "it has " + text::enumerate(names, "`", "and")));
}

Hub hub_of(const PullOptions& options) {
  Hub hub{
      .transport = options.transport ? options.transport : http::default_transport(),
      .hugging_face =
          options.hugging_face.empty() ? environment("HF_ENDPOINT", "https://huggingface.co") : options.hugging_face,
      .ollama = options.ollama.empty() ? environment("OLLAMA_ENDPOINT", "https://registry.ollama.ai") : options.ollama,
      .token = options.token,
      .stop = options.stop,
      .with_senses = options.with_senses};
  if (hub.token.is_empty()) hub.token = Secret(environment("HF_TOKEN", ""));
  return hub;
}

/// Waits while another process fetches the model.
Async<std::unique_ptr<FolderLock>> locked(const fs::path& folder, const std::string& name, const PullOptions& options) {
  auto lock = FolderLock::attempt(folder);
  while (!lock) {
    if (options.progress) options.progress({.file = name, .note = "another dspy is fetching it; waiting"});
    co_await sleep(std::chrono::milliseconds(200), options.stop);
    lock = FolderLock::attempt(folder);
  }
  co_return lock;
}

bool is_same_revision(const Offer& offer, const std::optional<KeptModel>& before) {
  return before && !offer.revision.empty() && before->revision == offer.revision;
}

/// A hub's words, without what terminals take for more than text.
Async<std::string> license_of(const Offer& offer, const std::optional<KeptModel>& before, const Hub& hub) {
  auto words = offer.license;
  if (!offer.license_url.empty()) {
    if (is_same_revision(offer, before))
      words = before->license;
    else
      words = co_await license_at(hub, offer.license_url, offer.license_digest);
  }
  std::erase_if(words, [](char letter) { return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7F; });
  co_return words;
}

/// The disk must have room for all files: the last part of a model is not to find it full.
void require_room_for(const std::vector<RemoteFile>& files, const std::optional<KeptModel>& before,
                      const fs::path& folder) {
  std::uint64_t missing = 0;
  for (const auto& file : files) {
    const auto* const kept = kept_as(file.name, before);
    if (kept == nullptr || (!file.sha256.empty() && file.sha256 != kept->sha256))
      missing += missing_bytes(file, folder);
  }
  if (missing > 0) require_room(folder, missing);
}

/// Fetches what is not here as it was noted; all files of a model in parts change at once.
Async<void> bring_files(Offer& offer, const std::optional<KeptModel>& before, const Hub& hub,
                        const PullOptions& options, Pulled& out) {
  const bool is_same = is_same_revision(offer, before);
  require_room_for(offer.files, before, out.model.folder);
  std::vector<std::string> came;
  for (auto& file : offer.files) {
    const auto* const kept = kept_as(file.name, before);
    if (kept != nullptr && (file.sha256.empty() ? is_same : file.sha256 == kept->sha256)) {
      out.model.files.push_back(*kept);
      continue;
    }
    FetchJob job{.file = std::move(file),
                 .folder = out.model.folder,
                 .token = offer.takes_token ? hub.token : Secret(),
                 .transport = hub.transport,
                 .options = options};
    // Without a revision, the address is the one that it came from.
    if (kept != nullptr && job.file.sha256.empty() && offer.revision.empty()) {
      job.present = Present{.validator = {.etag = kept->etag, .modified = kept->modified, .bytes = kept->bytes},
                            .sha256 = kept->sha256};
    }
    if (auto fresh = co_await fetch(std::move(job), out.fetched)) {
      out.model.files.push_back(*std::move(fresh));
      came.push_back(out.model.files.back().name);
    } else {
      out.model.files.push_back(*kept);
    }
  }
  for (const auto& each : came) put_in_place(out.model.folder, each);
}

}  // namespace

Async<Pulled> pull(std::string wanted, Catalogue catalogue, ModelStore store, PullOptions options) {
  const auto asked = parse_source(wanted);
  const auto* const entry = asked.kind == Source::Kind::catalogue ? &entry_of(asked.name, catalogue) : nullptr;
  const auto source = entry != nullptr ? parse_source(entry->source) : asked;
  const auto name = options.name.empty() ? default_name(asked) : options.name;
  if (!is_model_name(name))
    throw Error(Errc::invalid_parameter,
                std::format("`{}` is not a name: use letters, digits, `.`, `-` and `_`", name));
  const auto hub = hub_of(options);
  auto offer = co_await offer_of(source, hub);
  if (entry != nullptr) apply_catalogue(offer, *entry);

  Pulled out;
  out.model = {.name = name,
               .source = to_text(asked),
               .revision = offer.revision,
               .pulled = now_text(),
               .folder = store.folder() / name};
  make_folder(out.model.folder);
  const auto lock = co_await locked(out.model.folder, name, options);
  const auto before = store.find(name);
  if (before && canonical(before->source) != out.model.source)
    throw Error(
        Errc::invalid_parameter,
        std::format("`{}` is already the model from `{}`; keep this one under another name (--name), or remove that "
                    "one (`dspy models rm {}`)",
                    name, before->source, name));
  out.model.license = co_await license_of(offer, before, hub);
  if (options.progress && !out.model.license.empty())
    options.progress({.file = offer.files.front().name, .note = "licence: " + out.model.license});
  co_await bring_files(offer, before, hub, options, out);
  out.changes = changes_of(out.model, before);
  if (before) {
    out.before = before;
    if (out.changes.empty()) out.model.pulled = before->pulled;
    for (const auto& change : out.changes) {
      if (!change.after) remove_file(out.model.folder / change.name);
    }
  }
  store.keep(out.model);
  co_return out;
}

}  // namespace dspy::models
