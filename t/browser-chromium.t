# The pages in Chromium: with and without scripts, on a desktop and a phone.
# CARMEN_PICTURES names a directory for pictures of the pages.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";

use Carmen::Test;
use Carmen::Browser;
use File::Temp ();
use IO::Socket::INET;

my $dir = "$FindBin::Bin/chromium";
plan(skip_all => 'no Chromium') if !-x '/usr/bin/chromium';
plan(skip_all => "run npm ci in $dir first")
    if !-d "$dir/node_modules/playwright-core";
plan_sanitized('a browser is too slow for the sanitizers');

my $port = do {
    IO::Socket::INET->new(LocalHost => '127.0.0.1', LocalPort => 0,
        Listen => 1, Proto => 'tcp')->sockport;
};
my $issuer = "http://127.0.0.1:$port";
my $t = Carmen::Browser->provider(port => $port, no_start => 1,
    locations => <<'END');
        location /oauth/ { carmen_auth_provider; }
        location /client/back {
            default_type text/html;
            if ($request_method = POST) { return 200 "posted"; }
            return 200 "back";
        }
END
$t->nginx->{auth} = <<"END";
        carmen_auth jwt;
        carmen_auth_issuer $issuer;
        carmen_auth_audience $Carmen::Token::AUDIENCE;
        carmen_auth_key @{[ $t->keys->jwks ]};
        carmen_auth_signing_key @{[ $t->keys->private('es256') ]};
END
$t->nginx->start;

Carmen::Browser::account($t, 'ada@example.com');
Carmen::Browser::client($t, 'guest', name => 'Guest Books & Co',
    redirect_uris => ["$issuer/client/back"]);
Carmen::Browser::client($t, 'tv', redirect_uris => [], name => 'Big TV',
    grants => ['urn:ietf:params:oauth:grant-type:device_code']);
$ENV{USER_CODE} = $t->client->post('/oauth/device_authorization',
    type => 'application/x-www-form-urlencoded',
    body => 'client_id=tv&scope=openid+orders:read')->json->{user_code};

my $home = File::Temp::tempdir('carmen-chromium-XXXXXX', DIR => '/tmp',
    CLEANUP => 1);
local $ENV{HOME} = $home;
open my $out, '-|', 'timeout', '120', 'node', "$dir/pages.mjs", $issuer,
    $ENV{CARMEN_PICTURES} // () or die "node: $!";
my $facts = 0;
while (my $line = <$out>) {
    my $fact = eval { from_json($line) } or next;
    $facts++;
    ok($fact->{ok}, $fact->{name}) or diag(to_json($fact->{more}));
}
ok(close $out, 'the browser came to the end');
cmp_ok($facts, '>=', 20, "$facts facts");

done_testing;
