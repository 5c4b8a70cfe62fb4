/// Asio's functions for TLS, compiled once; base/asio_once.cpp has the others.
#include <boost/asio/ssl/impl/src.hpp>
