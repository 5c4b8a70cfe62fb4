#pragma once

#include "dspy/server/routes.hpp"

#include <span>
#include <string_view>
#include <vector>

namespace dspy::server {

/// A file of the page, which is part of the program.
struct PageFile {
  std::string_view path = {};  ///< `/` or `/assets/…`.
  std::string_view type = {};  ///< As in `Content-Type`.
  std::string_view etag = {};  ///< With its quotes.
  std::string_view bytes = {};
  std::string_view gzip = {};  ///< The same, compressed; empty where that is not smaller.
};

/// The page's files.  Empty where the server was built without node.js or npm.
std::span<const PageFile> page_files() noexcept;

/// `GET /` and `GET /assets/{path...}`, for anyone: the files contain no data, and their requests need a key if the
/// server requires one.  The files must outlive the routes.  Without files, `/` says that there is no page, and why.
std::vector<Route> page_routes(std::span<const PageFile> files = page_files());

}  // namespace dspy::server
