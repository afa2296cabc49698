
/* The paths of the pages, beside those of the provider's other endpoints. */

#include "carmen_browser_page.h"
#include "auth_statements.h"


#define BROWSER_PAGE  CARMEN_PUBLIC|CARMEN_RAW


static const carmen_route_t  browser_routes[] = {

    { .method = CARMEN_GET, .path = "/oauth/authorize", .flags = BROWSER_PAGE,
      .handler = carmen_browser_authorize,
      .summary = "Sign a person in for a client" },

    { .method = CARMEN_POST, .path = "/oauth/authorize",
      .flags = BROWSER_PAGE, .handler = carmen_browser_authorize,
      .summary = "Sign a person in for a client" },

    { .method = CARMEN_POST, .path = "/oauth/login", .flags = BROWSER_PAGE,
      .handler = carmen_browser_login_post,
      .summary = "A first proof" },

    { .method = CARMEN_POST, .path = "/oauth/second", .flags = BROWSER_PAGE,
      .handler = carmen_browser_second_post,
      .summary = "A second proof" },

    { .method = CARMEN_POST, .path = "/oauth/consent", .flags = BROWSER_PAGE,
      .handler = carmen_browser_consent,
      .summary = "What the person allows" },

    { .method = CARMEN_POST, .path = "/oauth/cancel", .flags = BROWSER_PAGE,
      .handler = carmen_browser_cancel,
      .summary = "Back to the client without a sign-in" },

    { .method = CARMEN_GET, .path = "/oauth/logout", .flags = BROWSER_PAGE,
      .handler = carmen_browser_logout, .summary = "Sign out" },

    { .method = CARMEN_POST, .path = "/oauth/logout", .flags = BROWSER_PAGE,
      .handler = carmen_browser_logout_post, .summary = "Sign out" },

    { .method = CARMEN_GET, .path = "/oauth/device", .flags = BROWSER_PAGE,
      .handler = carmen_browser_device, .summary = "The code of a device" },

    { .method = CARMEN_POST, .path = "/oauth/device", .flags = BROWSER_PAGE,
      .handler = carmen_browser_device_post,
      .summary = "What the person allows to a device" },

    { .method = CARMEN_GET, .path = "/oauth/style.css", .flags = BROWSER_PAGE,
      .handler = carmen_browser_style, .summary = "The style of the pages" },

    { .method = CARMEN_GET, .path = "/oauth/script/{name}",
      .flags = BROWSER_PAGE, .handler = carmen_browser_script,
      .summary = "The script of a factor" },

    CARMEN_ROUTES_END
};


carmen_domain_t  carmen_browser_domain = {
    .name = ngx_string("browser"),
    .doc = "Pages for people.",
    .routes = browser_routes,
    .statements = auth_statements,
    .root = 1
};
