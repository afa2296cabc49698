#!/usr/bin/perl
# Access tokens at the door: who gets in, who is refused and with what words,
# in Carmen's own locations and in others.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";

use Carmen::Test;
use MIME::Base64 qw(encode_base64url);

my $t = Carmen::Test->new(
    domains => ['auth'],
    workers => 1,
    http => 'large_client_header_buffers 4 16k;',
    log_level => 'info',
    locations => <<'END',
        location = /behind { empty_gif; }
        location = /open { carmen_auth off; empty_gif; }
        location = /elsewhere {
            carmen_auth_audience warehouse;
            empty_gif;
        }
        location = /exact { carmen_auth_leeway 0; empty_gif; }
END
);
my $c = $t->client;
my $keys = $t->keys;

# Any identity may log out, so this is what a token is good for here.

sub knock { $c->post('/api/v1/auth/logout', token => $_[0]) }


sub refused
{
    my ($token, $description, $name) = @_;
    my $r = knock($token);

    problem_is($r, 401, 'invalid-token', $name // $description);
    is($r->header('www-authenticate'), 'Bearer realm="carmen", '
        . qq{error="invalid_token", error_description="$description"},
        '  its challenge');
}


subtest 'accepted' => sub {
    for my $alg (qw(ES256 EdDSA RS256 HS256)) {
        my $token = $keys->token(alg => $alg);
        is(knock($token)->status, 204, $alg);
        is(knock($token)->status, 204, "$alg once more, from the cache");
    }
    my $token = $keys->token;
    for my $scheme ('bearer', 'BEARER', 'Bearer ') {
        is($c->post('/api/v1/auth/logout', headers =>
            { Authorization => "$scheme $token" })->status, 204,
            "\"$scheme\"");
    }
    is(knock($keys->token(aud => ['x', 'carmen']))->status, 204,
        'one audience of several');
    is(knock($keys->token(scope => join ' ', map { "s$_" } 1 .. 200))->status,
        204, 'a long scope');
};


subtest 'refused' => sub {
    my $now = time;

    my $r = $c->post('/api/v1/auth/logout');
    problem_is($r, 401, 'unauthorized', 'no token');
    is($r->header('www-authenticate'), 'Bearer realm="carmen"',
        '  a challenge without an error');

    $r = $c->post('/api/v1/auth/logout',
                  headers => { Authorization => 'Basic YTpi' });
    problem_is($r, 401, 'unauthorized', 'another scheme');

    refused('', 'The token is malformed.', 'an empty token');
    refused('x', 'The token is malformed.', 'no token at all');
    refused('x' x 8193, 'The token is too long.');
    refused($keys->token(header => { typ => 'JWT' }),
        'The token is not an access token (typ at+jwt).');
    refused($keys->token(header => { alg => 'none' }),
        'The algorithm of the token is not accepted.');
    refused($keys->sign({ alg => 'none', typ => 'at+jwt' }, {}, 'none'),
        'The token is malformed.', 'without a signature');
    refused($keys->token(header => { kid => 'test-rs256' }),
        'The algorithm of the token is not that of its key.');
    refused($keys->token(header => { kid => 'nobody' }),
        'The key of the token is not known.');
    refused($keys->token(header => { crit => ['exp'] }),
        'The header of the token asks for what is not supported.', 'crit');
    refused($keys->token(header => { jku => 'https://evil.example/' }),
        'The header of the token asks for what is not supported.', 'jku');
    refused($keys->token(iss => 'https://evil.example'),
        'The token is from another issuer.');
    refused($keys->token(aud => 'warehouse'),
        'The token is for another audience.');
    refused($keys->token(exp => $now - 60, iat => $now - 120),
        'The token has expired.');
    refused($keys->token(iat => $now + 60), 'The token is from the future.');
    refused($keys->token(nbf => $now + 60), 'The token is not valid yet.');
    refused($keys->token(claims => { tenant => undef }),
        'The token has no valid tenant.');
    refused($keys->token(claims => { $_ => undef }),
        'The token has no valid sub, client_id and jti.', "no $_")
        for qw(sub client_id jti);

    my $token = $keys->token;
    my ($head, $claims, $signature) = split /\./, $token;
    substr($signature, 9, 1) =~ tr/A-Za-z0-9_-/B-ZAb-za1-90\-_/;
    refused("$head.$claims.$signature",
        'The signature of the token does not fit.');
    refused("$head.$claims.$signature",
        'The signature of the token does not fit.', 'the same forged token');
    is(knock($token)->status, 204, 'the true one gets in after it');

    is($c->raw("POST /api/v1/auth/logout HTTP/1.1\r\nHost: localhost\r\n"
        . "Authorization: Bearer $token\r\nAuthorization: Bearer $token\r\n"
        . "Connection: close\r\n\r\n")->status, 400, 'two tokens');
    is($c->post("/api/v1/auth/logout?access_token=$token")->status, 401,
        'a token in the query');
    is($c->post('/api/v1/auth/login', token => 'x',
        json => { email => 'a', password => 'b' })->status, 401,
        'a bad token is refused on a public route as well');
};


subtest 'time passes' => sub {
    my $token = $keys->token(exp => time + 2, iat => time - 10);
    is($c->get('/exact', token => $token)->status, 200, 'a token at its end');
    is($c->get('/exact', token => $token)->status, 200, 'from the cache');
    wait_until { $c->get('/exact', token => $token)->status == 401 }
        'the cache does not outlive it', 10;
    is(knock($token)->status, 204, 'with leeway it is good for a while');
};


subtest 'other locations' => sub {
    my $token = $keys->token;
    problem_is($c->get('/behind'), 401, 'unauthorized', 'no token, no entry');
    is($c->get('/behind', token => $token)->status, 200, 'with a token');
    problem_is($c->get('/behind', token => 'x'), 401, 'invalid-token',
        'with a bad one');
    is($c->get('/open')->status, 200, 'carmen_auth off');
    is($c->get('/open', token => 'x')->status, 200, 'looks at no token');
    is($c->get('/health/live')->status, 200, 'Carmen\'s pages are public');

    problem_is($c->get('/elsewhere', token => $token), 401, 'invalid-token',
        'a cached token does not fit another audience');
    is($c->get('/elsewhere', token => $keys->token(aud => 'warehouse'))
        ->status, 200, 'its own does');
};


subtest 'public keys' => sub {
    my $path = '/.well-known/jwks.json';
    my $r = $c->get($path);
    is($r->status, 200, 'the set');
    is($r->header('content-type'), 'application/jwk-set+json', 'its type');
    like($r->header('cache-control'), qr/public, max-age=\d+/, 'may be kept');

    my %kty;
    for my $key (@{ $r->json->{keys} }) {
        $kty{ $key->{kty} }++;
        is($key->{use}, 'sig', "$key->{kid}: use");
        ok(!grep({ exists $key->{$_} } qw(d p q dp dq qi k)),
            "$key->{kid}: nothing private");
    }
    is_deeply([sort keys %kty], [qw(EC OKP RSA)], 'the secret is not shown');

    is($c->get($path, none_match => $r->header('etag'))->status, 304,
        'conditional');
    is($c->head($path)->body, '', 'HEAD');
    $r = $c->post($path, json => {});
    problem_is($r, 405, 'method-not-allowed');
    is($r->header('allow'), 'GET, HEAD', 'Allow');
};


subtest 'many tokens' => sub {
    my $n = $t->nginx;
    $n->{http} = 'large_client_header_buffers 4 16k; carmen_auth_cache 8;';
    $n->reload;
    my @tokens = map { $keys->token(alg => 'HS256') } 1 .. 40;
    my $bad = 0;
    for my $round (1 .. 3) {
        $bad += grep { knock($_)->status != 204 } @tokens;
    }
    is($bad, 0, 'more than the cache holds');

    $n->{http} = 'large_client_header_buffers 4 16k; carmen_auth_cache off;';
    $n->reload;
    is(scalar(grep { knock($_)->status != 204 } @tokens, @tokens), 0,
        'without a cache');
};


my $log = $t->nginx->log;
like($log, qr/token refused: The token has expired\./, 'the log says why');
unlike(join("\n", grep { !/duplicate header line/ } split /\n/, $log), qr/eyJ/,
    'and holds no token, but for those that nginx itself shows (at "info")');

done_testing();
