# What others try on the pages, and do not get.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";

use Carmen::Test;
use Carmen::Browser;
use Time::HiRes qw(time);

my $t = Carmen::Browser->provider;
my $ada = Carmen::Browser::account($t, 'ada@example.com');
my $eve = Carmen::Browser::account($t, 'eve@example.com');
my $old = Carmen::Browser::account($t, 'old@example.com');
$t->sql("SELECT auth.credential_disable('demo', '$old')");
Carmen::Browser::client($t, 'shop', trusted => 1,
    logout_uris => ['https://client.example/bye']);
Carmen::Browser::client($t, 'guest');
Carmen::Browser::client($t, 'tv', redirect_uris => [],
    grants => ['urn:ietf:params:oauth:grant-type:device_code']);

sub browser { return Carmen::Browser->new($t, @_) }
sub request { return Carmen::Browser::request(@_) }

sub device
{
    return $t->client->post('/oauth/device_authorization',
        type => 'application/x-www-form-urlencoded',
        body => 'client_id=tv&scope=openid')->json->{user_code};
}


# A browser on the page that has the form.

my %page = (
    login => sub { browser()->get(request()) },
    cancel => sub { browser()->get(request()) },
    consent => sub {
        my $b = browser();
        $b->get(request(client_id => 'guest'))->sign_in('ada@example.com');
        return $b;
    },
    logout => sub {
        my $b = browser();
        $b->get(request())->sign_in('ada@example.com');
        return $b->get('/oauth/logout');
    },
    device => sub {
        my $b = browser();
        $b->get('/oauth/device?user_code=' . device())
            ->sign_in('ada@example.com');
        return $b;
    },
);
my %fill = (
    login => { username => 'ada@example.com',
               password => $Carmen::Browser::PASSWORD },
    cancel => {}, consent => { answer => 'allow' },
    logout => { answer => 'yes' }, device => { answer => 'allow' },
);

sub count
{
    return join ' ', map { $t->sql("SELECT count(*) FROM auth.$_") }
        'consent', 'oauth_code', 'browser_session WHERE ended_ts IS NULL',
        "oauth_device WHERE state = 'allowed'";
}


subtest 'forms of others (CSRF)' => sub {
    my $stranger = browser()->get(request());
    my ($theirs) = map { my %f = @{ $_->{fields} }; $f{csrf} }
        $stranger->forms;

    for my $form (sort keys %page) {
        my $b = $page{$form}->();
        my $before = count();
        my $found = $b->find($form);
        my %right = (@{ $found->{fields} }, %{ $fill{$form} });
        my @tries = (
            ['no token', [%right, csrf => '']],
            ['the token of another browser', [%right, csrf => $theirs]],
            ['a token cut short', [%right, csrf => substr $right{csrf}, 1]],
            ['two tokens', [%right, csrf => $right{csrf}]],
            ['another origin', [%right], Origin => 'https://evil.example'],
            ['no origin to speak of', [%right], Origin => 'null'],
            ['another site', [%right], 'Sec-Fetch-Site' => 'cross-site'],
            ['a neighbour', [%right], 'Sec-Fetch-Site' => 'same-site'],
            ['no cookie', [%right], Cookie => undef],
            ['two cookies', [%right], Cookie => $b->cookie . '; '
                . $stranger->cookie],
        );
        for my $try (@tries) {
            my ($name, $fields, %headers) = @$try;
            my $path = $b->path;
            my $cookie = { %{ $b->{jar} } };
            $b->post($found->{action}, $fields, headers => \%headers);
            is($b->status, 403, "$form: $name");
            $b->{jar} = $cookie;
            $b->{path} = $path;
        }
        my $r = $t->client->post('/oauth/' . $found->{action},
            headers => { Cookie => $b->cookie }, json => \%right);
        ok($r->status == 415 || $form eq 'logout', "$form: JSON");
        is(count(), $before, "$form: nothing was done");
    }
};


subtest 'session fixation' => sub {
    my $victim = browser();
    my $planted = '__Host-carmen=' . 'A' x 43;
    $victim->{jar} = { '__Host-carmen' => 'A' x 43 };
    $victim->get(request())->sign_in('ada@example.com');
    ok($victim->answer->{code}, 'the victim signs in');
    isnt($victim->cookie, $planted, 'under a new cookie');
    my $thief = browser();
    $thief->{jar} = { '__Host-carmen' => 'A' x 43 };
    is($thief->get(request(prompt => 'none'))->answer->{error},
       'login_required', 'the planted one is worth nothing');

    my $before = $victim->{jar}{'__Host-carmen'};
    $victim->get(request(prompt => 'login'))->sign_in('ada@example.com');
    $thief->{jar} = { '__Host-carmen' => $before };
    is($thief->get(request(prompt => 'none'))->answer->{error},
       'login_required', 'nor is the one before a new proof');
};


subtest 'open redirects' => sub {
    my $b = browser();
    $b->get(request())->sign_in('ada@example.com');
    my $uri = $Carmen::Browser::REDIRECT;
    for my $bad ('https://evil.example', "$uri.evil.example", "$uri#x",
                 'https://client.example@evil.example/back?a=b',
                 'https://client.example/back?a=b%0d%0aX: y',
                 'https://client.example/BACK?a=b', '//evil.example/',
                 'javascript:alert(1)', 'https://client.example/back?a=b/../')
    {
        $b->get(request(redirect_uri => $bad));
        is($b->status, 400, "redirect_uri=$bad");
        is($b->location, undef, 'stays here');
        $b->get('/oauth/logout?' . Carmen::Browser::form(client_id => 'shop',
            post_logout_redirect_uri => $bad));
        is($b->status, 400, "post_logout_redirect_uri=$bad");
        is($b->location, undef, 'stays here');
    }
    my $fresh = browser()->get(request());
    my ($flow) = $fresh->body =~ /login\?flow=([^"]+)/;
    (my $changed = $flow) =~ s/^(.{40})./$1 . ($2 ? 'A' : 'B')/e;
    is($fresh->get("/oauth/authorize?flow=$changed")->status, 400,
       'a sealed request cannot be changed');
    $b->get(request(state => "a\nLocation: https://evil.example"));
    ok(($b->location // '') !~ /[\r\n]/
        && !defined $b->header('x-evil'), 'no header is split');
};


subtest 'headers of every page' => sub {
    for my $form (sort keys %page) {
        my $b = $page{$form}->();
        my $policy = $b->header('content-security-policy');
        like($policy, qr/frame-ancestors 'none'/, "$form: no frames");
        like($policy, qr/default-src 'none'/, 'nothing by default');
        like($policy, qr/base-uri 'none'/, 'no base');
        unlike($policy, qr/unsafe|\*/, 'nothing unsafe');
        is($b->header('x-frame-options'), 'DENY', 'for old browsers');
        is($b->header('x-content-type-options'), 'nosniff', 'nosniff');
        is($b->header('referrer-policy'), 'same-origin', 'no referrer');
        is($b->header('cache-control'), 'no-store', 'no-store');
        unlike($b->body, qr/ on\w+=| style=/i, 'nothing inline');
    }
};


subtest 'does an account exist?' => sub {
    my (%body, %least);
    for my $try (['ada@example.com', 'wrong'],
                 ['nobody@example.com', 'wrong'],
                 ['old@example.com', $Carmen::Browser::PASSWORD])
    {
        my ($login, $password) = @$try;
        for my $n (1 .. 4) {
            my $b = browser(headers => { 'X-Real-IP' => "198.51.100.$n" });
            $b->get(request());
            my $start = time;
            $b->submit('login', username => $login, password => $password);
            my $took = time - $start;
            $least{$login} = $took
                if !defined $least{$login} || $took < $least{$login};
            is($b->status, 403, "$login: refused");
            (my $text = $b->body)
                =~ s/name="csrf" value="[^"]*"|flow=[^"]*//g;
            $text =~ s/\Q$login\E/LOGIN/g;
            $body{$text}++;
        }
    }
    is(keys %body, 1, 'all in the same words');
    my ($fast, $slow) = (sort { $a <=> $b } values %least)[0, -1];
    cmp_ok($slow, '<', $Carmen::Nginx::SANITIZED ? 9 : 3 * $fast + 0.02,
           'and in the same time')
        or diag(join ' ', map { "$_=$least{$_}" } sort keys %least);
};


subtest 'a stranger cannot lock anyone out' => sub {
    for my $n (1 .. 12) {
        my $b = browser(headers => { 'X-Real-IP' => '203.0.113.66' });
        $b->get(request())->submit('login', username => 'eve@example.com',
                                   password => "guess$n");
        last if $b->status == 429;
    }
    my $stranger = browser(headers => { 'X-Real-IP' => '203.0.113.66' });
    $stranger->get(request())->sign_in('eve@example.com');
    is($stranger->status, 429, 'who guesses must wait');
    my $victim = browser(headers => { 'X-Real-IP' => '192.0.2.1' });
    $victim->get(request())->sign_in('eve@example.com');
    ok($victim->answer->{code}, 'the account is open from elsewhere');
};


subtest 'reflected scripts' => sub {
    my $evil = q{"><script>alert(1)</script><img src=x onerror='x'>};
    my @names = qw(response_type client_id redirect_uri scope state nonce
        prompt max_age login_hint acr_values response_mode code_challenge
        code_challenge_method id_token_hint ui_locales request request_uri
        display claims flow factor);
    my $check = sub {
        my ($b, $name) = @_;
        my $body = $b->body;
        $body =~ s{<script src="script/[a-z-]+\.js" defer></script>}{}g;
        $body =~ s{<script>document\.getElementById\("answer"\)
                   \.submit\(\)</script>}{}gx;
        ok($body !~ /<script|<img|onerror='x'>/i, "$name is harmless")
            or diag($body);
        my $where = $b->location // '';
        ok($where !~ /[<>"' ]/, "and so is where it leads");
    };
    for my $name (@names) {
        $check->(browser()->get(request($name => $evil)), $name);
        my $b = browser();
        $b->get(request(response_mode => 'form_post', $name => $evil));
        $b->sign_in('ada@example.com') if $b->find('login');
        $check->($b, "$name, signed in, form_post");
    }
    for my $name (qw(user_code flow factor)) {
        $check->(browser()->get('/oauth/device?'
            . Carmen::Browser::form($name => $evil)), "device: $name");
    }
    for my $name (qw(client_id post_logout_redirect_uri state id_token_hint
                     logout_hint))
    {
        $check->(browser()->get('/oauth/logout?'
            . Carmen::Browser::form($name => $evil)), "logout: $name");
    }
    for my $name (qw(username password factor csrf)) {
        my $b = browser()->get(request());
        $b->submit('login', %{ $fill{login} }, $name => $evil);
        $check->($b, "login: $name");
    }
};


subtest 'half a sign-in is none' => sub {
    $t->sql(q{CREATE OR REPLACE FUNCTION auth.browser_factors(a_tenant text,
        a_user_id uuid) RETURNS text[] LANGUAGE plpgsql STABLE AS
        $$ BEGIN RETURN '{unknown}'; END $$});
    my $b = browser();
    $b->get(request())->sign_in('eve@example.com');
    is($b->location, undef, 'no code after one factor of two');
    is($b->get(request(prompt => 'none'))->answer->{error}, 'login_required',
       'nor by asking again');
    is($b->get('/oauth/device?user_code=' . device())->find('device'), undef,
       'nor a device');
    is($t->sql("SELECT expires_ts < now() + interval '11 minutes'
                  FROM auth.browser_session WHERE user_id = '$eve'
                 ORDER BY createts DESC LIMIT 1"), 1, 'it ends soon');
};

$t->expect(qr/no module knows a factor/);
done_testing;
