#pragma once

#include <boost/asio/awaitable.hpp>

namespace dspy {

/// The result of work that may wait for a network, a model or a clock: a coroutine.
template <class T>
using Async = boost::asio::awaitable<T>;

}  // namespace dspy
