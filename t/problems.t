# Every problem that a table names has a page: HTML for people, JSON for
# programs, and nothing in it that could run.

use Carmen::Test;
use Digest::SHA qw(sha256_base64);

my $t = Carmen::Test->new(domains => ['core']);
my $c = $t->client;

my @index = @{ json_is($c->get('/problems/',
    headers => { Accept => 'application/json' }), 200, {}, 'the index as JSON')
    ->{problems} };
my %problem = map { $_->{type} =~ m{/problems/([a-z-]+)$} ? ($1 => $_) : () }
    @index;
is(scalar(keys %problem), scalar @index, 'each type is /problems/<name>, once');

# The table of the core, as it is in the source.

my $source = Carmen::Nginx::slurp(
    "$Carmen::Cluster::ROOT/shared/api/carmen_problem_table.c");
my %table = $source =~ /^\s*\{ "([a-z-]+)", (\d+), /gm;
cmp_ok(scalar keys %table, '>', 25, 'the table was found');
is_deeply({ map { $_ => $problem{$_}{status} } keys %table }, \%table,
    'the index has what the table has');

# A page each.

my (@bad, %title);
for my $name (sort keys %problem) {
    my $html = $c->get("/problems/$name", headers => { Accept => 'text/html' });
    my $json = $c->get("/problems/$name",
        headers => { Accept => 'application/json' });
    my $body = $html->body;

    push @bad, "$name: status " . $html->status if $html->status != 200;
    push @bad, "$name: type " . $html->header('content-type')
        if $html->header('content-type') ne 'text/html; charset=utf-8';
    push @bad, "$name: no name, status or language"
        if $body !~ m{<html lang="en">} || $body !~ m{<code>$name</code>}
            || $body !~ m{<dd>$problem{$name}{status}</dd>};
    push @bad, "$name: something that runs"
        if $body =~ /<script|\son\w+=|javascript:|<iframe|style="/i;
    push @bad, "$name: no text" if $body !~ m{<p>[^<]{40,}</p>};

    my $said = $json->json;
    push @bad, "$name: JSON " . $json->body
        if $said->{status} != $problem{$name}{status}
            || $said->{title} ne $problem{$name}{title}
            || length($said->{description} // '') < 40;
    $title{ $said->{title} }++;
}
is("@bad", '', 'each problem has a page');
is_deeply([grep { $title{$_} > 1 } sort keys %title], [],
    'no two problems have one title');

my $page = $c->get('/problems/not-found');
my ($style) = $page->body =~ m{<style>(.*?)</style>}s;
my $digest = sha256_base64($style);
$digest .= '=' while length($digest) % 4;
my $policy = $page->header('content-security-policy');
like($policy, qr/style-src 'sha256-\Q$digest\E'/, 'the policy fits the style');
like($policy, qr/default-src 'none'/, 'and lets nothing else in');
unlike($policy, qr/unsafe|\*/, 'without exceptions');
is($page->header('x-content-type-options'), 'nosniff', 'nosniff');

# Content negotiation: RFC 9110 section 12.5.1.

for (
    ['text/html', 'html'],
    ['application/json', 'json'],
    ['application/*', 'json'],
    ['*/*', 'html'],
    ['text/html;q=0.5, application/json', 'json'],
    ['text/html, application/json;q=0.9', 'html'],
    ['application/json;q=0, */*', 'html'],
    ['text/html; q=0.1 , */*; q=0.2', 'json'],
    ['TEXT/HTML;level=1;q=0.3,application/json;q=0.2', 'html'],
    ['image/png, , application/json', 'json'],
) {
    my ($accept, $form) = @$_;
    my $r = $c->get('/problems/conflict', headers => { Accept => $accept });
    like($r->header('content-type'), qr/$form/, "Accept: $accept");
    is($r->header('vary'), 'Accept', 'Vary');
}
problem_is($c->get('/problems/conflict',
    headers => { Accept => 'image/png' }), 406, 'not-acceptable');
problem_is($c->get('/problems/conflict',
    headers => { Accept => '*/*;q=0' }), 406, 'not-acceptable');

# What is not there, and how not to ask.

problem_is($c->get('/problems/nothing'), 404, 'not-found');
problem_is($c->get('/problems/not-found/'), 404, 'not-found');
problem_is($c->get('/problems/not-found%3Cscript%3E'), 404, 'not-found');

my $post = $c->post('/problems/conflict', json => {});
problem_is($post, 405, 'method-not-allowed');
is($post->header('allow'), 'GET, HEAD, OPTIONS', 'Allow on 405');

my $options = $c->options('/problems/conflict');
is($options->status, 204, 'OPTIONS');
is($options->header('allow'), 'GET, HEAD, OPTIONS', 'Allow on OPTIONS');

my $get = $c->get('/problems/');
my $head = $c->head('/problems/');
is($head->status, 200, 'HEAD');
is($head->body, '', 'HEAD has no body');
is($head->header('content-length'), length $get->body, 'but its length');
my @links = $get->body =~ /<a href="([a-z-]+)">/g;
is_deeply([sort @links], [sort keys %problem], 'the index links to each page');

# What an answer names leads to its page.

my $refusal = problem_is($c->get('/problems/nowhere'), 404, 'not-found');
is($c->get($refusal->{type})->status, 200, 'the type of an answer is a page');

done_testing;
