#include "models/transfer.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/http/headers.hpp"
#include "dspy/http/retry_after.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/http/url.hpp"
#include "models/redirects.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace dspy::models {
namespace {

constexpr std::chrono::minutes longest_pause{2};

std::optional<std::uint64_t> number_of(std::string_view text) noexcept {
  std::uint64_t number = 0;
  const auto* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && parsed == end && !text.empty() ? std::optional(number) : std::nullopt;
}

/// `bytes 100-199/200`, `bytes */200`
struct ContentRange {
  std::optional<std::uint64_t> from = {};
  std::optional<std::uint64_t> total = {};
};

ContentRange range_of(const http::Headers& headers) {
  const auto text = headers.find("content-range").value_or("");
  if (!text.starts_with("bytes ")) return {};
  const auto slash = text.find('/');
  if (slash == text.npos) return {};
  const auto range = text.substr(6, slash - 6);
  return {.from = number_of(range.substr(0, std::min(range.find('-'), range.size()))),
          .total = number_of(text.substr(slash + 1))};
}

/// Without quotes; empty for a weak one, by which no range can be asked.
std::string strong_etag(std::string_view text) {
  return text.starts_with('"') ? std::string(text) : std::string();
}

bool is_digest(std::string_view text) noexcept {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

/// What names the bytes of a reply.
Validator validator_of(const http::Headers& headers, std::optional<std::uint64_t> bytes) {
  Validator out{.etag = strong_etag(headers.find("etag").value_or("")), .bytes = bytes};
  // A file may change twice in the second in which it is sent.
  const auto modified = headers.find("last-modified"), date = headers.find("date");
  if (modified && date && *modified != *date) out.modified = *modified;
  return out;
}

/// Whether a server that says `now` speaks of other bytes than one that said `before`.
bool differs(const Validator& before, const Validator& now) noexcept {
  if (!before.etag.empty() && !now.etag.empty()) return before.etag != now.etag;
  return !before.modified.empty() && !now.modified.empty() && before.modified != now.modified;
}

}  // namespace

Transfer::Transfer(RemoteFile file, Secret token, std::uint64_t have, Validator known, Limits limits)
    : file_(std::move(file)),
      token_(std::move(token)),
      known_(std::move(known)),
      limits_(limits),
      have_(have),
      url_(file_.url) {}

std::string Transfer::origin() const {
  const auto url = http::parse_url(url_);
  return url ? url->origin() : "the server";
}

std::optional<std::uint64_t> Transfer::total() const noexcept {
  return file_.bytes ? file_.bytes : known_.bytes;
}

http::Request Transfer::request() const {
  http::Request out{.method = "GET", .url = url_};
  out.headers.add("Accept", "application/octet-stream, */*");
  out.headers.add("Accept-Encoding", "identity");
  if (have_ > 0) {
    out.headers.add("Range", std::format("bytes={}-", have_));
    if (known_.names()) out.headers.add("If-Range", known_.etag.empty() ? known_.modified : known_.etag);
  } else if (present_ && !present_->validator.etag.empty()) {
    out.headers.add("If-None-Match", present_->validator.etag);
  } else if (present_ && !present_->validator.modified.empty()) {
    out.headers.add("If-Modified-Since", present_->validator.modified);
  }
  if (with_token_ && !token_.is_empty())
    out.credentials.push_back({.header = "Authorization", .prefix = "Bearer ", .value = token_});
  return out;
}

Transfer::Step Transfer::again(std::chrono::milliseconds pause, bool forgets) {
  url_ = file_.url;  // where a redirect led may have been good for once only
  with_token_ = true;
  left_origin_ = false;
  redirects_ = 0;
  if (forgets) {
    have_ = 0;
    known_ = {};
  }
  return Ask{.pause = pause, .forgets = forgets};
}

Transfer::Step Transfer::on_header(int status, const http::Headers& headers,
                                   std::chrono::system_clock::time_point now) {
  switch (status) {
    case 200:
    case 206: return start(status, headers);
    case 301:
    case 302:
    case 303:
    case 307:
    case 308: return redirect(headers);
    case 304:
      if (present_) return Unchanged();
      refuse(status);
    case 416: {
      if (const auto total = range_of(headers).total; total && have_ > 0 && *total == have_) return Done();
      if (have_ == 0) refuse(status);
      return again({}, true);
    }
    default: break;
  }
  // A signed address that is no longer good is asked for anew.
  const bool expired = left_origin_ && (status == 401 || status == 403 || status == 404 || status == 410);
  if (!expired && status != 408 && status != 425 && status != 429 && status < 500) refuse(status);
  if (++failures_ >= limits_.attempts) refuse(status);
  const auto asked = http::retry_after(headers, now);
  const auto own = limits_.pause * (1 << std::min(failures_ - 1, 10));
  return again(std::min<std::chrono::milliseconds>(asked.value_or(own), longest_pause), false);
}

Transfer::Step Transfer::redirect(const http::Headers& headers) {
  if (++redirects_ > limits_.redirects)
    throw Error(Errc::unavailable, std::format("{} redirects in a circle; the address may be wrong", origin()));
  auto next = redirect_of(url_, headers);
  // The hub says here what its store will not: the file's own digest and size.
  if (const auto tag = headers.find("x-linked-etag"); tag && file_.sha256.empty()) {
    const auto digest = text::to_lower(text::trim(*tag));
    const auto bare = digest.starts_with('"') && digest.size() > 2 ? digest.substr(1, digest.size() - 2) : digest;
    if (is_digest(bare)) file_.sha256 = bare;
  }
  if (const auto size = headers.find("x-linked-size"); size && !file_.bytes) file_.bytes = number_of(*size);
  if (present_ && !file_.sha256.empty() && file_.sha256 == present_->sha256) return Unchanged();
  if (next.leaves_origin) {
    with_token_ = false;
    left_origin_ = true;
  }
  url_ = std::move(next.url);
  return Ask();
}

Transfer::Step Transfer::start(int status, const http::Headers& headers) {
  const auto length = number_of(headers.find("content-length").value_or(""));
  const auto range = range_of(headers);
  const bool goes_on = status == 206;
  if (goes_on && range.from != have_) {  // not what was asked for
    if (++failures_ >= limits_.attempts || have_ == 0)
      throw Error(Errc::unavailable,
                  std::format("{} sent a part of `{}` other than the one requested", origin(), file_.name));
    return again({}, true);
  }
  const auto said = goes_on ? range.total : length;
  auto names = validator_of(headers, said ? said : total());
  // Not every server looks at what a range was asked of.
  if (goes_on && differs(known_, names)) return again({}, true);
  if (!goes_on && present_ && !names.etag.empty() && names.etag == present_->validator.etag &&
      (!said || said == present_->validator.bytes))
    return Unchanged();  // the server only has no word for that
  if (!goes_on) have_ = 0;
  if (said && total() && *said != *total()) {
    if (goes_on && !file_.bytes) return again({}, true);  // it is another file by now
    if (file_.bytes)
      throw Error(Errc::stream_broken,
                  std::format("`{}` has {} bytes at {}, and {} were promised; the file was replaced, or is another one",
                              file_.name, *said, origin(), *file_.bytes));
  }
  if (goes_on && !names.names()) {
    known_.bytes = names.bytes;
    return Append();
  }
  known_ = std::move(names);
  if (goes_on) return Append();
  return Restart();
}

void Transfer::on_bytes(std::uint64_t count) {
  have_ += count;
  if (have_ > furthest_) failures_ = 0;
  furthest_ = std::max(furthest_, have_);
  if (const auto most = total(); most && have_ > *most)
    throw Error(Errc::stream_broken,
                std::format("{} sends more than the {} bytes of `{}`", origin(), *most, file_.name));
}

Transfer::Step Transfer::on_end() {
  if (!total() || have_ == *total()) return Done();
  return on_failure(Error(Errc::stream_broken,
                          std::format("{} sent {} of the {} bytes of `{}`", origin(), have_, *total(), file_.name)));
}

Transfer::Step Transfer::on_failure(const Error& error) {
  const bool may_pass = is_retryable(error.code()) || error.code() == Errc::stream_broken;
  if (!may_pass) throw error;
  if (++failures_ >= limits_.attempts) {
    const bool is_offline = error.code() == Errc::unavailable;
    throw Error(
        error.code(),
        std::format("{} (tried {} times){}{}", error.what(), failures_,
                    have_ > 0 ? std::format("; {} bytes are here, and the same command resumes from there", have_) : "",
                    is_offline ? "; is this machine offline? Behind a proxy, set HTTPS_PROXY" : ""));
  }
  return again(std::min<std::chrono::milliseconds>(limits_.pause * (1 << std::min(failures_ - 1, 10)), longest_pause),
               // Without a tag, a date or a digest nobody could tell whether the rest is of the same file.
               !known_.names() && file_.sha256.empty());
}

Transfer::Step Transfer::on_wrong_digest(const std::string& found) {
  if (was_wrong_ || have_ == 0)
    throw Error(
        Errc::stream_broken,
        std::format("`{}` from {} has the SHA-256 {}, and {} was promised; it was damaged on the way, or replaced",
                    file_.name, origin(), found, file_.sha256));
  was_wrong_ = true;
  return again({}, true);
}

void Transfer::refuse(int status) const {
  ErrorInfo info{.status = status};
  if (status == 401 || status == 403)
    throw Error(
        Errc::authentication_failed,
        std::format("{} does not hand out `{}` ({}); if the model is gated, accept its licence on its page and set "
                    "HF_TOKEN to a token that may read it",
                    origin(), file_.name, status),
        std::move(info));
  if (status == 404 || status == 410)
    throw Error(
        Errc::model_not_found,
        std::format("{} has no `{}` ({}); check the name, `dspy models pull hf:owner/repository` lists the files",
                    origin(), file_.name, status),
        std::move(info));
  throw Error(status == 429 ? Errc::rate_limit_exceeded : Errc::unavailable,
              std::format("{} answers {} for `{}`; try again later", origin(), status, file_.name), std::move(info));
}

}  // namespace dspy::models
