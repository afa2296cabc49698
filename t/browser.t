# Signing in with a browser, as a person who has no scripts on sees it.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";

use Carmen::Test;
use Carmen::Browser;

my $t = Carmen::Browser->provider;
my $ada = Carmen::Browser::account($t, 'ada@example.com');
Carmen::Browser::account($t, 'bob@example.com');
Carmen::Browser::client($t, 'shop', trusted => 1,
    logout_uris => ['https://client.example/bye']);
Carmen::Browser::client($t, 'guest', name => 'Tom & Jerry <Ltd>');
Carmen::Browser::client($t, 'tv', redirect_uris => [],
    grants => ['urn:ietf:params:oauth:grant-type:device_code']);

sub browser { return Carmen::Browser->new($t, @_) }
sub request { return Carmen::Browser::request(@_) }


sub token
{
    my ($code, %with) = @_;
    return $t->client->post('/oauth/token',
        type => 'application/x-www-form-urlencoded',
        body => Carmen::Browser::form(grant_type => 'authorization_code',
            client_id => 'shop', redirect_uri => $Carmen::Browser::REDIRECT,
            code_verifier => $Carmen::Browser::VERIFIER, code => $code,
            %with));
}


sub claims
{
    my ($token) = @_;
    my ($part) = (split /\./, $token)[1];
    return from_json(MIME::Base64::decode_base64url($part));
}


subtest 'a client of the house' => sub {
    my $b = browser();
    $b->get(request());
    is($b->status, 200, 'the login page');
    is($b->title, 'Sign in', 'its title');
    like($b->text, qr/to continue to The shop/, 'whose request it is');
    like($b->header('content-type'), qr{^text/html; charset=utf-8}i, 'HTML');
    is($b->header('cache-control'), 'no-store', 'kept by nobody');
    like($b->header('set-cookie'), qr/^__Host-carmen=[\w-]{43};\ Path=\/;
        \ HttpOnly;\ SameSite=Lax;\ Secure$/x, 'the cookie');

    $b->sign_in('Ada@Example.com');
    is($b->status, 303, 'a redirect');
    like($b->location, qr{^https://client\.example/back\?a=b&code=},
         'to the client, its own query kept');
    my $answer = $b->answer;
    is($answer->{state}, 'st ate', 'state');
    is($answer->{iss}, $Carmen::Token::ISSUER, 'iss (RFC 9207)');

    my $r = token($answer->{code});
    is($r->status, 200, 'the code is good') or diag($r->body);
    my $claims = claims($r->json->{id_token});
    is($claims->{sub}, $ada, 'sub');
    is($claims->{acr}, 'aal1', 'acr');
    is_deeply($claims->{amr}, ['pwd'], 'amr');
    cmp_ok(abs($claims->{auth_time} - time), '<', 10, 'auth_time');

    my $row = $t->row('SELECT * FROM auth.browser_session');
    is($row->{user_id}, $ada, 'the session is in the database');
    unlike($b->cookie, qr/\Q$row->{token_hash}\E/, 'its cookie is not');

    $b->get(request(state => 'two'));
    is($b->answer->{state}, 'two', 'the next time nothing is asked');
    isnt($b->answer->{code}, $answer->{code}, 'the code is another');
};


subtest 'form_post' => sub {
    my $b = browser();
    $b->get(request(response_mode => 'form_post'))
        ->sign_in('ada@example.com');
    is($b->status, 200, 'a page');
    my ($form) = $b->forms;
    is($form->{action}, $Carmen::Browser::REDIRECT, 'a form for the client');
    my %fields = @{ $form->{fields} };
    ok($fields{code}, 'with the code');
    is($fields{state}, 'st ate', 'and the state');
    is($fields{iss}, $Carmen::Token::ISSUER, 'and iss');
    like($b->header('content-security-policy'),
         qr{form-action 'self' https://client\.example;}, 'and no other');
};


subtest 'a client that is not of the house' => sub {
    my $b = browser();
    my $query = request(client_id => 'guest', scope => 'openid orders:read');
    $b->get($query)->sign_in('ada@example.com');
    is($b->title, 'Allow access?', 'consent is asked for');
    like($b->text, qr/Tom & Jerry <Ltd> \(client\.example\) asks/, 'by whom');
    like($b->body, qr/Tom &amp; Jerry &lt;Ltd&gt;/, 'escaped');
    like($b->text, qr/See your orders orders:read/, 'for what');

    $b->submit('consent', answer => 'deny');
    is($b->answer->{error}, 'access_denied', 'denied');
    is($b->answer->{state}, 'st ate', 'with the state');
    is($b->answer->{iss}, $Carmen::Token::ISSUER, 'and iss');

    $b->get($query)->submit('consent', answer => 'allow');
    ok($b->answer->{code}, 'allowed');
    is($t->sql("SELECT array_to_string(scopes, ' ') FROM auth.consent"),
       'openid orders:read', 'what was allowed is kept');

    ok($b->get($query)->answer->{code}, 'and not asked for again');
    is($b->get("$query&prompt=consent")->title, 'Allow access?',
       'but with prompt=consent');
    ok($b->submit('consent', answer => 'allow')->answer->{code},
       'which goes on');
    is($b->get(request(client_id => 'guest', scope => 'openid profile'))
        ->title, 'Allow access?', 'and for more than before');
};


subtest 'prompt, max_age and hints' => sub {
    my $b = browser();
    is($b->get(request(prompt => 'none'))->answer->{error}, 'login_required',
       'prompt=none without a session');
    $b->get(request(login_hint => 'ada@example.com'));
    my %fields = @{ $b->find('login')->{fields} };
    is($fields{username}, 'ada@example.com', 'login_hint fills in the name');
    $b->sign_in('ada@example.com');
    ok($b->get(request(prompt => 'none'))->answer->{code},
       'prompt=none with one');
    is($b->get(request(prompt => 'none', client_id => 'guest',
                       scope => 'openid profile orders:read'))
        ->answer->{error}, 'consent_required', 'prompt=none, and consent');

    my $before = $b->cookie;
    is($b->get(request(prompt => 'login'))->title, 'Sign in', 'prompt=login');
    ok($b->sign_in('ada@example.com')->answer->{code}, 'once is enough');
    isnt($b->cookie, $before, 'under another cookie');
    is($t->sql("SELECT count(*) FROM auth.browser_session
                 WHERE end_reason = 'replaced'"), 0,
       'in the same session');

    is($b->get(request(max_age => 0))->title, 'Sign in', 'max_age=0');
    ok($b->sign_in('ada@example.com')->answer->{code}, 'once is enough');
    ok($b->get(request(max_age => 3600))->answer->{code}, 'max_age=3600');
    $t->sql("UPDATE auth.browser_session
                SET auth_ts = auth_ts - interval '2 hours'");
    is($b->get(request(max_age => 3600))->title, 'Sign in',
       'max_age=3600 after two hours');
    is($b->get(request(max_age => 3600, prompt => 'none'))->answer->{error},
       'login_required', 'which prompt=none cannot have');

    $b->get(request(prompt => 'select_account'))->sign_in('bob@example.com');
    ok($b->answer->{code}, 'another account');
    is($t->sql("SELECT count(*) FROM auth.browser_session
                 WHERE end_reason = 'replaced'"), 1,
       'ends the session of the first');

    $b->get(request(prompt => 'login'))->submit('cancel');
    is($b->answer->{error}, 'access_denied', 'who cancels goes back');
};


subtest 'wrong passwords' => sub {
    my $b = browser(headers => { 'X-Real-IP' => '198.51.100.7' });
    $b->get(request());
    $b->submit('login', username => 'ada@example.com', password => 'wrong');
    is($b->status, 403, 'refused');
    like($b->text, qr/The account or the password is not right/, 'in words');
    like($b->body, qr/role="alert"/, 'that are read aloud');
    ok($b->sign_in('ada@example.com')->answer->{code}, 'then right');

    $b = browser(headers => { 'X-Real-IP' => '198.51.100.8' });
    $b->get(request());
    for (1 .. 6) {
        $b->submit('login', username => 'ada@example.com', password => 'no');
        last if $b->status == 429;
    }
    is($b->status, 429, 'after several a pause');
    like($b->text, qr/Try again in \d+ second/, 'with its length');
    is($t->sql("SELECT count(*) > 3 FROM core.audit
                 WHERE operation = 'auth.login.failed'"), 1, 'audited');
};


subtest 'what a client does wrong' => sub {
    my $b = browser();
    for my $with ([client_id => 'nobody'],
                  [redirect_uri => 'https://evil.example/'],
                  [redirect_uri => "$Carmen::Browser::REDIRECT&x"])
    {
        $b->get(request(@$with));
        is($b->status, 400, "@$with: a page");
        is($b->location, undef, 'nobody is sent anywhere');
        like($b->text, qr/You were not sent back/, 'and it says so');
    }
    for my $with ([code_challenge => undef],
                  [response_type => 'token'],
                  [prompt => 'none login'])
    {
        $b->get(request(@$with));
        like($b->location // '', qr{^https://client\.example/back\?},
             "$with->[0]: back to the client");
        ok($b->answer->{error}, 'with an error: '
            . ($b->answer->{error} // ''));
        is($b->answer->{iss}, $Carmen::Token::ISSUER, 'and iss');
    }
    $b->get('/oauth/authorize?flow=abc.def');
    is($b->status, 400, 'a flow that is none');
    $b->get(request() . '&state=again');
    is($b->status, 400, 'a parameter twice');
};


subtest 'sign-out' => sub {
    my $b = browser();
    my $other = browser();
    $other->get(request())->sign_in('ada@example.com');
    $b->get(request())->sign_in('ada@example.com');
    my $tokens = token($b->answer->{code})->json;
    my $sid = claims($tokens->{id_token})->{sid};

    $b->get('/oauth/logout');
    is($b->title, 'Sign out?', 'it is asked first');
    like($b->text, qr/signed in as ada\@example\.com/, 'and said who');
    $b->submit('logout', answer => 'no');
    ok($b->get(request(prompt => 'none'))->answer->{code}, 'no is no');
    $b->get('/oauth/logout')->submit('logout', answer => 'yes');
    is($b->title, 'Signed out', 'yes is yes');
    is($b->cookie, undef, 'the cookie goes');
    is($b->get(request(prompt => 'none'))->answer->{error}, 'login_required',
       'nobody is signed in');
    is($t->sql("SELECT end_reason FROM auth.session
                 WHERE session_id = '$sid'"), 'logout',
       'the session at the client has ended');
    ok($other->get(request(prompt => 'none'))->answer->{code},
       'another browser stays signed in');

    $b->get(request())->sign_in('ada@example.com');
    $tokens = token($b->answer->{code})->json;
    my $query = Carmen::Browser::form(
        post_logout_redirect_uri => 'https://client.example/bye',
        client_id => 'shop', state => 'x&y');
    $b->get("/oauth/logout?$query");
    is($b->title, 'Sign out?', 'a client sends the browser: it is asked');
    $b->submit('logout', answer => 'yes');
    is($b->location, 'https://client.example/bye?state=x%26y',
       'then back to the client');

    $b->get(request())->sign_in('ada@example.com');
    $tokens = token($b->answer->{code})->json;
    $b->get("/oauth/logout?$query&id_token_hint=$tokens->{id_token}");
    is($b->location, 'https://client.example/bye?state=x%26y',
       'with an ID token at once');
    is($b->cookie, undef, 'signed out');

    $b->get(request())->sign_in('ada@example.com');
    $b->get("/oauth/logout?client_id=shop&post_logout_redirect_uri="
        . 'https%3A%2F%2Fevil.example%2F');
    is($b->status, 400, 'an address that is not registered');
    is($b->location, undef, 'is not gone to');
    $b->get('/oauth/logout?id_token_hint=a.b.c');
    is($b->status, 400, 'a hint that is none');
    ok($b->get(request(prompt => 'none'))->answer->{code},
       'and nobody was signed out');

    my $id = $t->sql('SELECT user_id FROM auth.credential
                       WHERE login = ?', 'ada@example.com');
    $t->sql("SELECT auth.credential_disable('demo', '$id')");
    is($b->get(request(prompt => 'none'))->answer->{error}, 'login_required',
       'a disabled user is signed out');
    $t->sql("SELECT auth.credential_enable('demo', '$id')");
};


subtest 'a device' => sub {
    my $began = sub {
        return $t->client->post('/oauth/device_authorization',
            type => 'application/x-www-form-urlencoded',
            body => 'client_id=tv&scope=openid+orders:read')->json;
    };
    my $poll = sub {
        my ($device) = @_;
        $t->sql("UPDATE auth.oauth_device SET polled_ts = NULL");
        return $t->client->post('/oauth/token',
            type => 'application/x-www-form-urlencoded',
            body => Carmen::Browser::form(client_id => 'tv',
                grant_type => 'urn:ietf:params:oauth:grant-type:device_code',
                device_code => $device->{device_code}));
    };
    my $device = $began->();
    my $b = browser();
    $b->get('/oauth/device');
    is($b->title, 'Connect a device', 'the code is asked for');
    $b->submit('device', user_code => lc $device->{user_code});
    is($b->title, 'Sign in', 'then who it is');
    $b->sign_in('ada@example.com');
    is($b->title, 'Connect this device?', 'then whether it may');
    like($b->text, qr/\Q$device->{user_code}\E/, 'the code is shown');
    like($b->text, qr/The tv asks for access to your account ada/, 'for whom');
    is($poll->($device)->json->{error}, 'authorization_pending',
       'till then the device waits');
    $b->submit('device', answer => 'allow');
    is($b->title, 'Connected', 'allowed');
    my $r = $poll->($device);
    is($r->status, 200, 'the device has its tokens') or diag($r->body);
    is($r->json->{scope}, 'openid orders:read', 'for what was shown');

    $device = $began->();
    $b->get("/oauth/device?user_code=$device->{user_code}")
        ->submit('device', answer => 'deny');
    is($b->title, 'Not connected', 'denied');
    is($poll->($device)->json->{error}, 'access_denied',
       'the device hears of it');
    $b->get("/oauth/device?user_code=$device->{user_code}");
    is($b->status, 404, 'a code is for once');
};


subtest 'a pushed request' => sub {
    my %query = map { my ($n, $v) = split /=/;
                      ($n => Carmen::Browser::unescape($v)) }
        split /&/, request() =~ s/.*\?//r;
    my $pushed = $t->client->post('/oauth/par',
        type => 'application/x-www-form-urlencoded',
        body => Carmen::Browser::form(%query));
    is($pushed->status, 201, 'pushed') or diag($pushed->body);
    my $b = browser();
    my $path = '/oauth/authorize?' . Carmen::Browser::form(client_id => 'shop',
        request_uri => $pushed->json->{request_uri});
    $b->get($path);
    is($b->title, 'Sign in', 'taken once');
    is(browser()->get($path)->status, 400, 'and not again');
    ok($b->sign_in('ada@example.com')->answer->{code},
       'it lasts from page to page');
};


subtest 'what is beside the pages' => sub {
    my $b = browser();
    $b->get('/oauth/style.css');
    is($b->status, 200, 'the style');
    like($b->header('content-type'), qr{^text/css}, 'is CSS');
    is($b->get('/oauth/script/none.js')->status, 404, 'no script there');
    is($b->get('/oauth/none')->status, 404, 'no page there');
};

done_testing;
