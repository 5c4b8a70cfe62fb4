#pragma once

#include "dspy/base/error.hpp"
#include "http/curl/transfer.hpp"

#include <curl/curl.h>

#include <chrono>
#include <string>
#include <string_view>

namespace dspy::http::curl {

struct Failure {
  std::string origin = {};
  Phase phase = Phase::connecting;
  std::string detail = {};  ///< libcurl's own words.
  std::chrono::milliseconds waited{0};
};

Error transfer_error(CURLcode code, const Failure& failure);
Error timeout_error(std::string_view origin, Phase phase, std::string_view what, std::chrono::milliseconds waited);
Error deadline_error(std::string_view origin, Phase phase);
Error private_address_error(std::string_view origin);
Error clear_key_error(std::string_view origin);
Error stopped_error();

}  // namespace dspy::http::curl
