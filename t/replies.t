# Replies beyond a page, a buffer and a megabyte arrive whole.

use Carmen::Test;
use Digest::SHA qw(sha1_hex);

my $t = Carmen::Test->new;
my $c = $t->client(scope => 'catalog:read');

sub brands
{
    my ($tag, $count, $size) = @_;
    $t->sql(q{INSERT INTO catalog.brand (tenant, name, description)
        SELECT 'demo', ? || lpad(i::text, 4, '0'),
               left(repeat(md5(i::text), ? / 32 + 1), ?)
          FROM generate_series(1, ?) i}, $tag, $size, $size, $count);
}

brands('A', 3, 5_000);
brands('B', 200, 1_000);
brands('C', 200, 6_000);
brands('D', 200, 60_000);

for (['A', 3, 15_000], ['B', 200, 200_000], ['C', 200, 1_200_000],
     ['D', 200, 12_000_000])
{
    my ($tag, $count, $least) = @$_;
    my $r = $c->get("/api/v1/brands?limit=200&q=$tag");

    is($r->status, 200, "$tag: " . length($r->body) . ' bytes');
    cmp_ok(length $r->body, '>', $least, "$tag: as much as expected");
    ok($r->complete, "$tag: whole");

    my $items = $r->json->{items};
    is(scalar @$items, $count, "$tag: $count items");
    is(sha1_hex(join '', map { $_->{description} } @$items),
       sha1_hex(join '', $t->sql(q{SELECT description
                  FROM catalog.brand WHERE name LIKE ? || '%'
                  ORDER BY name_key}, $tag)),
       "$tag: every byte is right");
}

# Many at once, read slowly: others are served meanwhile.

my @sockets = map {
    $c->send_raw($c->format(GET => '/api/v1/brands?limit=200&q=C'))
} 1 .. 8;
my $small = $c->get('/api/v1/brands?limit=1&q=A');
is($small->status, 200, 'a small answer beside eight large ones');
my $length = length $c->get('/api/v1/brands?limit=200&q=C')->body;
for my $socket (@sockets) {
    my $r = Carmen::Http::Reader->new($socket, 'GET')
        ->wait(Time::HiRes::time() + 30);
    is(length $r->body, $length, 'a large answer, read late');
}

done_testing;
