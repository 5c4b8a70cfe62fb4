/// Asio's functions, compiled once for everything that links the library (BOOST_ASIO_SEPARATE_COMPILATION).
#include <boost/asio/impl/src.hpp>
