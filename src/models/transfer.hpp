#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/http/headers.hpp"
#include "dspy/http/transport.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace dspy::models {

/// A file as its source describes it.
struct RemoteFile {
  std::string name = {};  ///< As it is kept.
  std::string url = {};
  std::optional<std::uint64_t> bytes = {};
  std::string sha256 = {};  ///< Empty: not said.

  bool operator==(const RemoteFile&) const = default;
};

/// What a server called the bytes that it sent, so that the rest of the same can be asked for, or only what changed.
struct Validator {
  std::string etag = {};      ///< A strong one.
  std::string modified = {};  ///< `Last-Modified`, where it is older than the reply.
  std::optional<std::uint64_t> bytes = {};

  /// Whether it names the bytes, not only how many they are.
  bool names() const noexcept { return !etag.empty() || !modified.empty(); }

  bool operator==(const Validator&) const = default;
};

/// A file that is here as a whole.
struct Present {
  Validator validator = {};
  std::string sha256 = {};
};

/// One file on its way here, through redirects, cuts and servers that change their mind: what to ask next, and what an
/// answer means.  Without I/O.
class Transfer {
 public:
  struct Limits {
    int attempts = 5;                       ///< In a row without a new byte.
    int redirects = 10;                     ///< For one request.
    std::chrono::milliseconds pause{1000};  ///< After the first failure; doubled for each that follows.
  };

  /// `have` bytes are here from an earlier time, of what `known` describes.
  Transfer(RemoteFile file, Secret token, std::uint64_t have, Validator known, Limits limits);
  /// A file of that address is here already: requests ask for it only if it is another by now.
  void compare_with(Present present) { present_ = std::move(present); }

  /// The next request.
  http::Request request() const;

  struct Append {};   ///< The body follows what is here.
  struct Restart {};  ///< The body is the whole; forget what is here.
  struct Ask {        ///< Again, after a pause.
    std::chrono::milliseconds pause{0};
    bool forgets = false;  ///< What is here is worth nothing.
  };
  struct Done {};       ///< All of it is here.
  struct Unchanged {};  ///< It is the file that is here already (`compare_with`).
  using Step = std::variant<Append, Restart, Ask, Done, Unchanged>;

  /// What a reply's header means.  Throws `Error` where there is nothing to hope for.
  Step on_header(int status, const http::Headers& headers, std::chrono::system_clock::time_point now);
  /// `count` bytes of a body came.  Throws `Error` (`stream_broken`) for more than there should be.
  void on_bytes(std::uint64_t count);
  /// The body ended.
  Step on_end();
  /// The connection failed; throws `error`, with what was tried, when that was often enough.
  Step on_failure(const Error& error);

  std::uint64_t have() const noexcept { return have_; }
  /// How many bytes there are in all, where anybody said.
  std::optional<std::uint64_t> total() const noexcept;
  /// As the file's source or a redirect said; empty: nobody did.
  const std::string& sha256() const noexcept { return file_.sha256; }
  const Validator& validator() const noexcept { return known_; }
  /// The digest was wrong; once more from the start, or throws `Error` (`stream_broken`).
  Step on_wrong_digest(const std::string& found);

 private:
  Step again(std::chrono::milliseconds pause, bool forgets);
  Step redirect(const http::Headers& headers);
  Step start(int status, const http::Headers& headers);
  [[noreturn]] void refuse(int status) const;
  std::string origin() const;

  RemoteFile file_;
  Secret token_;
  Validator known_;
  std::optional<Present> present_;
  Limits limits_;
  std::uint64_t have_ = 0;
  std::uint64_t furthest_ = 0;
  std::string url_;
  bool with_token_ = true;
  int redirects_ = 0;
  int failures_ = 0;
  bool was_wrong_ = false;
  bool left_origin_ = false;
};

}  // namespace dspy::models
